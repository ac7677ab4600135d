from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.errors import ChatappError
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.guard import OutputGuard
from chatapp.moderation.policy import decide

SPEC = {"kind": "links", "stage": "output", "action": "mask", "hosts": ["company.com", "intranet", "10.1.2.3"]}


def mask(text: str) -> str:
    return decide(build_checks([SPEC]), text).text


@pytest.mark.parametrize(
    "text",
    [
        "See https://company.com/x, https://docs.company.com and http://intranet/wiki.",
        "(https://company.com), **https://company.com** and “https://COMPANY.com:443/a”.",
        "[a](https://company.com)[b](https://docs.company.com/x?q=1#top)",
        "https://company.com's page, https://company.com.\r\nNext line, http://10.1.2.3/",
        "[paid leave](paid-leave.md#days) and [a](../x.html), [b](#top), [c](docs/a.pdf)",
        "handlers[name](request.user), rows[i](row.id), log[level](logger.info), [a](docs/company.example)",
        "mailto:help@company.com?subject=Hi and www.company.com, and what mailto:x means",
        r"C:\\Users\\a.txt, a//b.c, // a comment, 7//2.5, \\frac{1}{2}, 0\\0.5, https: yes, http:80, e.g. this",
    ],
)
def test_own_hosts_and_what_is_no_link_stay(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.org/company.com",
        "https://company.com.evil.org/",
        "https://notcompany.com",
        "https://company.com@evil.org/",
        "https://company.com:443@evil.org/",
        "https://company.com,evil.org/",
        "https://company.com)@evil.org/",
        "https://company.com%2eevil.org/",
        "https://company.com\u3002evil.org/",
        "https://company.com\r.evil.org/",
        "https://company.com\u200b.evil.org/",
        "https://\u0441ompany.com/",
        "https://xn--ompany-4nf.com/",
        "HTTPS://EVIL.ORG/",
        "https:evil.org/",
        "https:/evil.org/",
        r"https:\\evil.org/",
        r"https:\/\/evil.org/",
        "https:&#47;&sol;evil.org/",
        "https&colon;//evil.org/",
        "https:/\u200b/evil.org/",
        "ht\u200btps://evil.org/",
        "https://[2001:db8::1]/",
        "https://2130706433/",
        "http://localhost:8000/",
        "//evil.org/pixel.png",
        "www.evil.org/x",
        "s3://bucket/x",
        "mailto:a@evil.org",
        "mailto:a%40evil.org",
        "mailto:?to=a@evil.org",
        "mailto:a@company.com?cc=b@evil.org",
        "https://" + "company.com" * 30 + "@evil.org/",
    ],
)
@pytest.mark.parametrize("form", ["See {} now", "[a]({})", "![a](<{}>)", "<{}>", '[a]({} "title")', "**{}**"])
def test_links_to_other_hosts_are_found(url: str, form: str) -> None:
    decision = decide(build_checks([SPEC]), form.format(url))
    assert "[link removed]" in decision.text
    assert "evil.org/" not in decision.text or len(url) > 256


@pytest.mark.parametrize(
    "text,masked",
    [
        ("[Log in](https://evil.org/x?q=1).", "[Log in] [link removed]."),
        ('![a](https://evil.org/x "Chart") b', "![a] [link removed] b"),
        ("[a](evil.org/x) b", "[a] [link removed] b"),
        ("[a](evil.example.com) b", "[a] [link removed] b"),
        ("[a](evil.de/x) b", "[a] [link removed] b"),
        ("See (https://evil.org/x), then", "See ([link removed]), then"),
        ("https://company.com/go?to=https://evil.org", "https://company.com/go?to=[link removed]"),
    ],
)
def test_a_masked_link_leaves_the_words_round_it(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_a_finding_has_the_place_of_the_link() -> None:
    finding = decide(build_checks([{**SPEC, "action": "flag"}]), "See https://evil.org/x, then").findings[0]
    assert finding.spans == ((4, 22),)


@given(st.lists(st.integers(0, 200), max_size=8))
def test_however_the_stream_is_cut_the_same_links_go(places: list[int]) -> None:
    text = "Go to [a](https://evil.org/x), https://company.com/y and //company.com@evil.org/z or https:evil.org. End"
    edges = sorted({0, len(text), *(place % len(text) for place in places)})
    guard = OutputGuard(build_checks([SPEC]))
    out = "".join(guard.feed(text[start:end]) for start, end in pairwise(edges)) + guard.finish()
    assert out == "Go to [a] [link removed], https://company.com/y and [link removed] or [link removed]. End"


@pytest.mark.parametrize(
    "hosts,words",
    [
        ("company.com", "hosts must be a list of texts"),
        (["https://company.com"], r"hosts\[0\] must be a host such as example.com"),
        (["ok.com", "*.company.com"], r"hosts\[1\] must be a host"),
        (["company.com/x"], r"hosts\[0\] must be a host"),
        (["2001:db8::1"], r"hosts\[0\] must be a host"),
        (["a" * 254], "has 254 characters"),
    ],
)
def test_wrong_hosts_are_refused(hosts: object, words: str) -> None:
    with pytest.raises(ChatappError, match=words):
        build_checks([{**SPEC, "hosts": hosts}])


def test_without_hosts_every_link_is_foreign() -> None:
    assert decide(build_checks([{**SPEC, "hosts": []}]), "https://company.com/").text == "[link removed]"
