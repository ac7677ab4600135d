"""What a site's robots.txt says, and which addresses a page names, in time that grows with their length only."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.retrieval.connectors.links import Page, normalize, places_of
from chatapp.retrieval.connectors.robots import read_robots
from chatapp.retrieval.fetching import complain_of

BASE = "https://wiki.example/docs/"


@pytest.mark.parametrize(
    "rules, path, allowed",
    [
        ("", "/x", True),
        ("Disallow:", "/x", True),
        ("Disallow: /", "/x", False),
        ("Disallow: /a\nAllow: /a/b", "/a/b/c", True),  # the longest decides (RFC 9309, 2.2.2)
        ("Allow: /a\nDisallow: /a/b", "/a/b", False),
        ("Disallow: /a\nAllow: /a", "/a", True),
        ("Disallow: /*.pdf$", "/x/y.pdf", False),
        ("Disallow: /*.pdf$", "/x/y.pdf?z", True),
        ("Disallow: /a*b*c", "/a-b-c-d", False),
        ("Disallow: /a*b*c", "/a-c-b", True),
        ("Disallow: /a$", "/a", False),
        ("Disallow: /a$", "/ab", True),
        ("Disallow: /x # why", "/x", False),
        ("disallow : /x", "/x", False),
        ("nonsense\n: :\n\0", "/x", True),
    ],
)
def test_rules_of_robots(rules: str, path: str, *, allowed: bool) -> None:
    assert read_robots(f"User-agent: *\n{rules}", "Chatapp").may_read(path) is allowed


def test_the_group_of_the_agent_is_used_and_groups_of_one_name_are_joined() -> None:
    text = "User-agent: *\nDisallow: /\n\nUser-agent: chatapp\nUser-agent: other\nDisallow: /a\n\nUser-agent: Chatapp\n"
    robots = read_robots(text + "Disallow: /b\nCrawl-delay: 999\nSitemap: https://wiki.example/map.xml", "Chatapp")
    assert [robots.may_read(path) for path in ("/a", "/b", "/c")] == [False, False, True]
    assert (robots.delay, robots.sitemaps) == (10.0, ["https://wiki.example/map.xml"])


def test_no_pattern_makes_robots_slow() -> None:
    robots = read_robots("User-agent: *\n" + f"Disallow: /{'*a' * 500}\n" * 500, "Chatapp")
    began = time.process_time()
    robots.may_read("/" + "a" * 400 + "b" * 1500)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "link, found",
    [
        ("a", "https://wiki.example/docs/a"),
        ("../b?x=1&y=2#part", "https://wiki.example/b?x=1&y=2"),
        ("//Other.Example:443/c", "https://other.example/c"),
        ("http://x.example:80", "http://x.example/"),
        ("/a b/\u00e9", "https://wiki.example/a%20b/%C3%A9"),
        *(("mailto:a@b.c", ""), ("javascript:x", ""), ("http://[", ""), ("http://x:99999/", ""), ("data:,x", "")),
        *(("http://10.0.0.1/", ""), ("http://u:p@x.example/", ""), ("https://\u00e9.example/", "")),
    ],
)
def test_one_way_to_write_an_address(link: str, found: str) -> None:
    assert normalize(link, BASE) == found


def test_links_of_a_page() -> None:
    markup = b"""<base href="/other/"><A class='x' HREF=one>1</a><a href = "two&amp;x">2</a><area href='three'>
        <a name=x>no</a><abbr href="no">no</abbr><a data-href="no">no</a><a href="">self</a>"""
    expected = ["https://wiki.example/other/" + name for name in ("one", "two&x", "three", "")]
    assert list(Page(markup, BASE).links()) == expected


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_page(markup: bytes) -> None:
    page = Page(b"<a href=" + markup + b"><base href=" + markup + b"><link rel=canonical href=" + markup, BASE)
    for url in [*page.links(), *places_of(markup), page.canonical]:
        assert not url or not complain_of(url)


@pytest.mark.parametrize(
    "piece", [b"<a ", b"<a href=", b"<a href='", b"<link ", b"<loc>", b"<base x ", b"<meta a=", b"<!--"]
)
def test_no_markup_is_slow(piece: bytes) -> None:
    markup = piece * (1_000_000 // len(piece))
    began = time.process_time()
    page = Page(markup, BASE)
    found = [*page.links(), *places_of(markup), page.canonical, page.forbids("noindex")]
    assert len(found) >= 2
    assert time.process_time() - began < 5
