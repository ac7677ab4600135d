"""One page, or the pages of a site below the first one: same host, same folder, what robots.txt allows, no faster."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.cache import cache

from chatapp.errors import ChatappError
from chatapp.retrieval.connectors.base import (
    Config,
    Content,
    Item,
    ItemError,
    ItemGoneError,
    Known,
    SourceError,
    take_number,
    take_text,
)
from chatapp.retrieval.connectors.links import Page, normalize, places_of
from chatapp.retrieval.connectors.robots import ALLOW_ALL, ALLOW_NONE, MAX_BYTES, Robots, read_robots
from chatapp.retrieval.fetching import AGENT, Fetched, FetchError, complain_of, fetch
from chatapp.retrieval.formats import MEDIA_TYPES, Format

MAX_PAGES = 5_000
_DEFAULT_PAGES, _DEFAULT_DEPTH, _MAX_DEPTH, _DEFAULT_DELAY, _MAX_DELAY = 500, 5, 20, 1, 10
_MAX_LINKS = 500  # that one page may name
_MAX_SITEMAPS = 20
_MAX_SITEMAP = 10_000_000
_ROBOTS_SECONDS = 600
_NO_DOCUMENTS = {Format.ZIP, Format.PNG, Format.JPEG, Format.TIFF}
_SUFFIXES = {media_type: f".{kind}" for kind, media_type in MEDIA_TYPES.items() if kind not in _NO_DOCUMENTS}
_HTML = {"text/html", "application/xhtml+xml"}


def clean_config(given: Mapping[str, object]) -> Config:
    """Raises ChatappError("invalid")."""
    url = take_text(given, "url", label="the address").partition("#")[0]
    if complaint := complain_of(url):
        raise ChatappError("invalid", detail=f"the address cannot be read. {complaint}")
    return {
        "url": normalize(url, ""),
        "whole_site": given.get("whole_site") in {True, "on", "true"},
        "pages": take_number(given, "pages", default=_DEFAULT_PAGES, least=1, most=MAX_PAGES),
        "depth": take_number(given, "depth", default=_DEFAULT_DEPTH, least=0, most=_MAX_DEPTH),
        "delay": take_number(given, "delay", default=_DEFAULT_DELAY, least=0, most=_MAX_DELAY),
    }


class WebSource:
    revision = ""

    def __init__(self, config: Config) -> None:
        self._start, self._whole = str(config["url"]), bool(config["whole_site"])
        self._depth, self._delay = int(str(config["depth"])), float(str(config["delay"]))
        self._robots: Robots | None = None
        self._asked_at = 0.0

    def list_items(self) -> Iterator[Item]:
        """The first page, and what sitemaps name; the others are found by reading."""
        if not self._may_read(self._start):
            raise SourceError("The site's robots.txt forbids to read this address.")
        yield Item(key=self._start, name=name_of(self._start))
        if self._whole and self._depth:
            for url in self._mapped():
                if url != self._start and self._is_inside(url) and self._may_read(url):
                    yield Item(key=url, name=name_of(url), depth=1)

    def read_item(self, item: Known, into: BinaryIO) -> Content:
        if not self._may_read(item.key):
            return Content(is_left_out=True)
        body = BytesIO()
        try:
            found = self._ask(item, body)
        except FetchError as error:
            return self._answer(item, error)
        if found.status == 304:
            return Content(is_unchanged=True)
        media_type = found.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        data = body.getvalue()
        page = Page(data, item.key) if media_type in _HTML else None
        links = self._links(page, item.depth) if page else []
        if page and self._whole and page.canonical not in {"", item.key} and self._is_inside(page.canonical):
            return self._moved(item, page.canonical)
        name = name_of(item.key, media_type)
        if not name or (page and page.forbids("noindex")):
            return Content(links=links, is_left_out=True)
        into.write(data)
        return Content(name=name, media_type=media_type, revision=_revision_of(found, data), links=links)

    def _ask(self, item: Known, body: BinaryIO) -> Fetched:
        self._wait()
        kind, _, value = item.revision.partition(":")
        headers = {"If-None-Match": value} if kind == "etag" else {"If-Modified-Since": value} if kind == "date" else {}
        return fetch(item.key, into=body, max_bytes=settings.UPLOAD_MAX_BYTES, headers=headers, hops=0)

    def _answer(self, item: Known, error: FetchError) -> Content:
        if error.location:
            return self._moved(item, normalize(error.location, item.key))
        if error.status in {404, 410}:
            raise ItemGoneError(str(error)) from error
        raise ItemError(str(error)) from error

    def _moved(self, item: Known, url: str) -> Content:
        """The page is another one, which is read by its own address if it belongs here."""
        if self._whole and self._is_inside(url):
            return Content(links=[Item(key=url, name=name_of(url), depth=item.depth)], is_left_out=True)
        if item.depth == 0:
            raise ItemError(f"The page leads to {url[:300]}: use that address.")
        return Content(is_left_out=True)

    def _links(self, page: Page, depth: int) -> list[Item]:
        if not self._whole or depth >= self._depth or page.forbids("nofollow"):
            return []
        found = dict.fromkeys(url for url in page.links() if self._is_inside(url) and self._may_read(url))
        return [Item(key=url, name=name_of(url), depth=depth + 1) for url in list(found)[:_MAX_LINKS]]

    def _is_inside(self, url: str) -> bool:
        first, other = urlsplit(self._start), urlsplit(url)
        if first.netloc != other.netloc:
            return False
        last = first.path.rpartition("/")[2]
        folder = first.path.rpartition("/")[0] if "." in last else first.path.rstrip("/")
        return other.path == folder or other.path.startswith(f"{folder}/")

    def _may_read(self, url: str) -> bool:
        parts = urlsplit(url)
        return self._rules().may_read(parts.path + (f"?{parts.query}" if parts.query else ""))

    def _rules(self) -> Robots:
        """Raises SourceError when the site does not say now what may be read (RFC 9309, 2.3.1.4)."""
        if self._robots is None:
            parts = urlsplit(self._start)
            url = f"{parts.scheme}://{parts.netloc}/robots.txt"
            key = f"robots:{hashlib.sha256(url.encode()).hexdigest()}"
            self._robots = cache.get(key) or _fetch_robots(url)
            cache.set(key, self._robots, _ROBOTS_SECONDS)
        return self._robots

    def _wait(self) -> None:
        pause = max(self._delay, self._rules().delay) - (time.monotonic() - self._asked_at)
        if pause > 0:
            time.sleep(pause)
        self._asked_at = time.monotonic()

    def _mapped(self) -> Iterator[str]:
        parts = urlsplit(self._start)
        waiting = list(self._rules().sitemaps) or [f"{parts.scheme}://{parts.netloc}/sitemap.xml"]
        for number, url in enumerate(waiting):
            if number >= _MAX_SITEMAPS or urlsplit(url).netloc != parts.netloc:
                continue
            body = BytesIO()
            self._wait()
            try:
                fetch(url, into=body, max_bytes=_MAX_SITEMAP)
            except FetchError:
                continue  # A site needs none.
            places = places_of(body.getvalue())
            if b"<sitemapindex" in body.getvalue()[:2000]:
                waiting += places[:_MAX_SITEMAPS]
            else:
                yield from places


def name_of(url: str, media_type: str = "") -> str:
    """What the document of a page is called: its path, with an ending that fits; "" for what is no document."""
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    path = path + "index" if not path or path.endswith("/") else path
    suffix = PurePosixPath(path).suffix.lower()
    stem = path.removesuffix(PurePosixPath(path).suffix) if suffix else path
    query = f"@{unquote(parts.query).replace('/', '_')}" if parts.query else ""
    if media_type in _HTML or not media_type:
        kept = suffix in {".html", ".htm"}
        return f"{stem if kept else path}{query}.html"
    if suffix in _SUFFIXES.values() and media_type not in _SUFFIXES:
        return f"{stem}{query}{suffix}" if media_type in {"application/octet-stream", "text/x-markdown"} else ""
    wanted = _SUFFIXES.get(media_type, "")
    if not wanted:
        return ""
    same_text = media_type == "text/plain" and suffix in {".md", ".csv", ".txt"}
    return f"{stem}{query}{suffix}" if suffix == wanted or same_text else f"{path}{query}{wanted}"


def _fetch_robots(url: str) -> Robots:
    body = BytesIO()
    try:
        fetch(url, into=body, max_bytes=MAX_BYTES)
    except FetchError as error:
        if error.status is None:
            raise SourceError(str(error)) from error
        return ALLOW_ALL if 400 <= error.status < 500 else ALLOW_NONE
    return read_robots(body.getvalue().decode("utf-8", "replace"), AGENT)


def _revision_of(found: Fetched, data: bytes) -> str:
    for kind, header in (("etag", "ETag"), ("date", "Last-Modified")):
        if (value := found.headers.get(header, "")) and len(value) < 190:
            return f"{kind}:{value}"
    return f"hash:{hashlib.sha256(data).hexdigest()}"
