from typing import Any

import pytest
from django.test import RequestFactory

from chatapp.accounts.addresses import client_address, client_address_of_scope
from chatapp.web import configure


@pytest.mark.parametrize(
    "behind_proxy, peer, forwarded, expected",
    [
        (False, "203.0.113.7", "198.51.100.1", "203.0.113.7"),
        (False, "127.0.0.1", "198.51.100.1", "127.0.0.1"),
        (True, "10.0.0.2", "198.51.100.1", "198.51.100.1"),
        (True, "10.0.0.2", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        (True, "10.0.0.2", "1.1.1.1,2.2.2.2 ,  2001:DB8::1", "2001:db8::1"),
        (True, "10.0.0.2", "", "10.0.0.2"),
        (True, "10.0.0.2", "198.51.100.1, <script>", None),
        (True, "10.0.0.2", "198.51.100.1,", None),
        (False, "::ffff:203.0.113.7", "", "203.0.113.7"),
        (False, "", "", None),
        (False, "/run/web.sock", "", None),
    ],
)
def test_b05_and_b16_only_the_proxy_s_own_entry_tells_the_address(
    settings: Any, behind_proxy: bool, peer: str, forwarded: str, expected: str | None
) -> None:
    settings.BEHIND_PROXY = behind_proxy
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer)
    assert client_address(request) == expected
    raw = [(b"x-forwarded-for", part.encode()) for part in forwarded.split(",", 1) if forwarded]
    assert client_address_of_scope({"headers": raw, "client": (peer, 1)}) == expected


def test_b16_the_web_server_itself_believes_no_header() -> None:
    """Uvicorn would take the address from what a caller on this machine writes, before Django sees it."""
    assert configure(host="127.0.0.1", port=0).proxy_headers is False
