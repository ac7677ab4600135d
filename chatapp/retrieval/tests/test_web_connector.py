"""A small site on loopback with what sites have: circles, links elsewhere, rules for robots, redirects, errors."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.core.cache import cache
from django.test import override_settings

from chatapp.errors import ChatappError
from chatapp.retrieval.connectors.web import name_of
from chatapp.retrieval.models import Collection, Connector
from chatapp.retrieval.tests.conftest import People
from chatapp.retrieval.tests.connecting import connect, counts, names, sync
from chatapp.retrieval.tests.serving import answer, servers
from tests.listener import Listener

pytestmark = pytest.mark.django_db
PAGE = "<html><body><h1>{title}</h1>{links}</body></html>"


def page(title: str, *links: str, head: str = "") -> bytes:
    return head.encode() + PAGE.format(title=title, links="".join(f'<a href="{link}">x</a>' for link in links)).encode()


@dataclass
class Site:
    """Paths and what they answer: a body, or (status, body, headers)."""

    pages: dict[str, bytes | tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.path)
        found = self.pages.get(handler.path, (404, b"", {}))
        status, body, headers = found if isinstance(found, tuple) else (200, found, {})
        if status == 200 and headers.get("ETag") and handler.headers["If-None-Match"] == headers["ETag"]:
            status, body = 304, b""
        headers = {name.replace("-", "_"): value for name, value in headers.items()}
        media_type = headers.pop("Content_Type", "text/html; charset=utf-8")
        answer(handler, body, status=status, media_type=media_type, **headers)


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    settings.CONNECTOR_ALLOWED_HOSTS = {"127.0.0.1"}
    cache.clear()
    with servers() as running:
        made = Site()
        made.url = running.start(made.respond)
        made.pages = {
            "/docs/": page("Start", "a", "b?x=1", "sub/c.html#part", "/docs/"),
            "/docs/a": page("A", "/docs/", "b?x=1"),
            "/docs/b?x=1": page("B", "../docs/a"),
            "/docs/sub/c.html": page("C", "../a"),
        }
        yield made


def crawl(people: People, notes: Collection, site: Site, path: str = "/docs/", **config: Any) -> Connector:
    config = {"url": site.url + path, "whole_site": True, "delay": 0, **config}
    return connect(people.ada, notes, "web", **config)


def test_a_site_is_read_along_its_links(people: People, notes: Collection, site: Site) -> None:
    run = sync(crawl(people, notes, site))
    assert counts(run) == ("complete", 4, 0, 0, 0, 0)
    assert run.total == 4
    assert names(notes) == {"docs/index.html", "docs/a.html", "docs/b@x=1.html", "docs/sub/c.html"}
    read = [path for path in site.asked if path.startswith("/docs/")]
    assert len(read) == len(set(read)) == 4


def test_one_page_is_one_document(people: People, notes: Collection, site: Site) -> None:
    assert counts(sync(crawl(people, notes, site, whole_site=False))) == ("complete", 1, 0, 0, 0, 0)
    assert names(notes) == {"docs/index.html"}


def test_links_elsewhere_are_not_followed(people: People, notes: Collection, site: Site) -> None:
    trap = Listener()
    site.pages["/docs/"] = page(
        "Start", trap.url, "//localhost/x", "/other/", "/docs-old/", "mailto:a@b.c", "javascript:x()", "http://[", "a"
    )
    site.pages["/docs/a"] = (302, b"", {"Location": f"{trap.url}/x"})
    assert counts(sync(crawl(people, notes, site)))[:2] == ("complete", 1)
    assert {path for path in site.asked if path.startswith("/docs")} == {"/docs/", "/docs/a"}
    assert trap.calls == 0
    trap.close()


def test_robots_txt_is_obeyed(people: People, notes: Collection, site: Site) -> None:
    site.pages["/robots.txt"] = (
        b"User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /docs/sub/\nDisallow: /*?x="
    )
    assert counts(sync(crawl(people, notes, site))) == ("complete", 2, 0, 0, 0, 0)
    assert "/docs/sub/c.html" not in site.asked


@pytest.mark.parametrize(
    "robots, said",
    [(b"User-agent: *\nDisallow: /docs", "forbids"), ((500, b"", {}), "forbids"), ((302, b"", {"Location": "/x"}), "")],
)
def test_a_site_that_forbids_or_does_not_say_is_not_read(
    people: People, notes: Collection, site: Site, robots: Any, said: str
) -> None:
    wiki = crawl(people, notes, site)
    sync(wiki)
    cache.clear()
    site.pages["/robots.txt"] = robots
    run = sync(wiki, people.ada)
    assert run.status == ("failed" if said else "complete")
    assert said in run.error
    assert len(names(notes)) == 4


def test_a_page_that_did_not_change_is_asked_for_by_its_etag_and_keeps_its_links(
    people: People, notes: Collection, site: Site
) -> None:
    site.pages["/docs/"] = (200, page("Start", "a"), {"ETag": '"1"'})
    site.pages["/docs/a"] = (200, page("A", "sub/c.html"), {"ETag": '"2"'})
    wiki = crawl(people, notes, site)
    sync(wiki)
    assert counts(sync(wiki, people.ada)) == ("complete", 0, 0, 3, 0, 0)
    site.pages["/docs/a"] = (200, page("A, new", "sub/c.html"), {"ETag": '"3"'})
    assert counts(sync(wiki, people.ada)) == ("complete", 0, 1, 2, 0, 0)


def test_a_page_that_is_gone_or_not_linked_any_more_goes(people: People, notes: Collection, site: Site) -> None:
    wiki = crawl(people, notes, site)
    sync(wiki)
    site.pages["/docs/a"] = (410, b"", {})
    assert counts(sync(wiki, people.ada)) == ("complete", 0, 0, 3, 1, 0)
    site.pages["/docs/"] = page("Start", "b?x=1")
    assert counts(sync(wiki, people.ada)) == ("complete", 0, 1, 1, 1, 0)
    assert names(notes) == {"docs/index.html", "docs/b@x=1.html"}


def test_a_page_that_fails_takes_nothing_along_that_only_it_names(
    people: People, notes: Collection, site: Site
) -> None:
    site.pages["/docs/"] = page("Start", "a", "b?x=1")
    site.pages["/docs/a"] = page("A", "sub/c.html")
    wiki = crawl(people, notes, site)
    assert counts(sync(wiki)) == ("complete", 4, 0, 0, 0, 0)
    kept, site.pages["/docs/a"] = site.pages["/docs/a"], (503, b"", {})
    assert counts(sync(wiki, people.ada)) == ("complete", 0, 0, 2, 0, 1)
    assert len(names(notes)) == 4
    site.pages["/docs/a"] = kept
    assert counts(sync(wiki, people.ada, only_failed=True)) == ("complete", 0, 0, 2, 0, 0)


def test_depth_and_number_of_pages_are_limited(people: People, notes: Collection, site: Site) -> None:
    for number in range(200):
        site.pages[f"/docs/{number}"] = page(str(number), str(number + 1), *map(str, range(number, number + 50)))
    site.pages["/docs/"] = page("Start", "0")
    run = sync(crawl(people, notes, site, depth=20, pages=25))
    assert counts(run) == ("complete", 25, 0, 0, 0, 0)
    deep = connect(people.ada, notes, "web", name="Deep", url=f"{site.url}/docs/150", whole_site=False, delay=0)
    assert counts(sync(deep))[:2] == ("complete", 1)


def test_depth_counts_links(people: People, notes: Collection, site: Site) -> None:
    for number in range(10):
        site.pages[f"/docs/{number}"] = page(str(number), str(number + 1))
    site.pages["/docs/"] = page("Start", "0")
    sync(crawl(people, notes, site, depth=3))
    assert names(notes) == {"docs/index.html", "docs/0.html", "docs/1.html", "docs/2.html"}


def test_a_calendar_without_end_ends(people: People, notes: Collection, site: Site) -> None:
    """A trap: every page is new and names two more."""
    for number in range(1, 400):
        site.pages[f"/docs/{number}"] = page(str(number), str(2 * number), str(2 * number + 1))
    site.pages["/docs/"] = page("Start", "1")
    run = sync(crawl(people, notes, site, depth=4))
    assert (run.status, run.added) == ("complete", 1 + 1 + 2 + 4 + 8)


def test_sitemaps_name_pages(people: People, notes: Collection, site: Site) -> None:
    site.pages["/docs/"] = page("Start")
    site.pages["/robots.txt"] = f"Sitemap: {site.url}/maps.xml\nSitemap: http://10.0.0.1/x.xml".encode()
    site.pages["/maps.xml"] = f"<sitemapindex><sitemap><loc>{site.url}/map.xml</loc></sitemap></sitemapindex>".encode()
    places = [
        f"{site.url}/docs/a",
        f"{site.url}/elsewhere",
        "https://other.example/docs/",
        f"{site.url}/docs/b?x=1&amp;",
    ]
    site.pages["/map.xml"] = ("<urlset>" + "".join(f"<url><loc> {place}\n</loc></url>" for place in places)).encode()
    sync(crawl(people, notes, site))
    assert {"docs/index.html", "docs/a.html"} <= names(notes)


def test_what_a_page_says_of_itself_counts(people: People, notes: Collection, site: Site) -> None:
    site.pages["/docs/"] = page("Start", "a", "copy", "hidden", "end")
    site.pages["/docs/copy"] = page("A", head=f'<link rel="canonical" href="{site.url}/docs/a">')
    site.pages["/docs/hidden"] = page("H", "sub/c.html", head='<meta name="robots" content="noindex">')
    site.pages["/docs/end"] = page("E", "b?x=1", head='<META content="noarchive, nofollow" name="Robots">')
    site.pages["/docs/a"] = page("A")
    sync(crawl(people, notes, site))
    assert names(notes) == {"docs/index.html", "docs/a.html", "docs/sub/c.html", "docs/end.html"}


def test_a_redirect_within_the_site_is_read_once(people: People, notes: Collection, site: Site) -> None:
    site.pages["/docs/"] = page("Start", "old", "a")
    site.pages["/docs/old"] = (301, b"", {"Location": "/docs/a"})
    sync(crawl(people, notes, site))
    assert names(notes) == {"docs/index.html", "docs/a.html", "docs/b@x=1.html"}


def test_a_first_page_that_leads_away_is_told(people: People, notes: Collection, site: Site) -> None:
    site.pages["/start/"] = (301, b"", {"Location": "/docs/"})
    wiki = crawl(people, notes, site, path="/start/")
    assert counts(sync(wiki)) == ("complete", 0, 0, 0, 0, 1)
    assert wiki.items.get().error == f"The page leads to {site.url}/docs/: use that address."


def test_files_are_kept_as_they_are_and_the_rest_is_left_out(people: People, notes: Collection, site: Site) -> None:
    pdf = b"%PDF-1.4 x"
    site.pages |= {
        "/docs/": page("Start", "paper", "logo.png", "style.css", "data.csv", "notes.md", "fake.pdf", "huge"),
        "/docs/paper": (200, pdf, {"Content-Type": "application/pdf"}),
        "/docs/logo.png": (200, b"\x89PNG\r\n\x1a\n", {"Content-Type": "image/png"}),
        "/docs/style.css": (200, b"a{}", {"Content-Type": "text/css"}),
        "/docs/data.csv": (200, b"a,b\n1,2", {"Content-Type": "text/csv"}),
        "/docs/notes.md": (200, b"# N", {"Content-Type": "text/plain"}),
        "/docs/fake.pdf": (200, b"no pdf", {"Content-Type": "application/pdf"}),
        "/docs/huge": b"x" * 3_000_000,
    }
    with override_settings(UPLOAD_MAX_BYTES=2_000_000):
        run = sync(crawl(people, notes, site))
    assert names(notes) == {"docs/index.html", "docs/paper.pdf", "docs/data.csv", "docs/notes.md"}
    assert run.failed == 2
    with notes.documents.get(name="docs/paper.pdf").versions.get().file.open() as file:
        assert file.read() == pdf


def test_the_site_is_asked_no_faster_than_it_wants(
    people: People, notes: Collection, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("chatapp.retrieval.connectors.web.time.sleep", pauses.append)
    site.pages["/robots.txt"] = b"User-agent: *\nCrawl-delay: 3"
    sync(crawl(people, notes, site, delay=1))
    assert len(pauses) >= 4
    assert max(pauses) <= 3
    assert min(pauses) > 2


@pytest.mark.parametrize(
    "url",
    [
        "",
        "docs",
        "ftp://x.example/",
        "http://10.0.0.1/",
        "http://localhost/",
        "http://u:p@x.example/",
        "http://x" * 400,
    ],
)
def test_d07_odd_addresses_are_refused(people: People, notes: Collection, url: str) -> None:
    with pytest.raises(ChatappError) as told:
        connect(people.ada, notes, "web", url=url)
    assert told.value.code == "invalid"


@pytest.mark.parametrize(
    "url, media_type, name",
    [
        ("https://x.example/", "text/html", "index.html"),
        ("https://x.example/a/b", "text/html", "a/b.html"),
        ("https://x.example/a/b.php?id=3", "text/html", "a/b.php@id=3.html"),
        ("https://x.example/a.htm", "text/html", "a.html"),
        ("https://x.example/a%20b", "application/pdf", "a b.pdf"),
        ("https://x.example/a.pdf", "application/pdf", "a.pdf"),
        ("https://x.example/a.pdf", "application/octet-stream", "a.pdf"),
        ("https://x.example/a.exe", "application/octet-stream", ""),
        ("https://x.example/a", "image/png", ""),
    ],
)
def test_pages_are_called_by_their_paths(url: str, media_type: str, name: str) -> None:
    assert name_of(url, media_type) == name
