import pytest

from chatapp.accounts.devices import name_device


@pytest.mark.parametrize(
    "user_agent,name",
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/156.0.0.0 Safari/537.36 Edg/156.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1", "Safari on iPhone"),
        (
            "Mozilla/5.0 (Linux; Android 16) Chrome/156.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("curl/8.1", "curl/8.1"),
        ("", "A browser that gives no name"),
    ],
)
def test_a_browser_is_called_as_people_know_it(user_agent: str, name: str) -> None:
    assert name_device(user_agent) == name
