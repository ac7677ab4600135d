"""Which addresses a page names. RE2 reads the markup: whatever it is, the time grows with its length only."""

import html
from collections.abc import Iterator
from itertools import islice
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import re2

from chatapp.retrieval.fetching import complain_of

_MAX_MARKUP = 4_000_000
_MAX_LINKS = 5_000
_MAX_PLACES = 50_000  # sitemaps.org allows as many in one file
_VALUE = r"""(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"""
_LINK = re2.compile(r"(?i)<(?:a|area)\s(?:[^>]*?\s)?href\s*=\s*" + _VALUE)
_BASE = re2.compile(r"(?i)<base\s(?:[^>]*?\s)?href\s*=\s*" + _VALUE)
_TAG = re2.compile(r"(?i)<(?:link|meta)\s[^>]*>")
_ATTRIBUTE = re2.compile(r"(?i)([a-z-]+)\s*=\s*" + _VALUE)
_PLACE = re2.compile(r"(?i)<loc>\s*([^<]*?)\s*</loc>")
_SAFE = "%/:=&?~#+!$,;'@()*[]"


class Page:
    def __init__(self, markup: bytes, url: str) -> None:
        self._text = markup[:_MAX_MARKUP].decode("utf-8", "replace")
        self._heads = [self._attributes(tag.group(0)) for tag in _TAG.finditer(self._text)]
        base = _BASE.search(self._text)
        self._base = urljoin(url, _unquoted(base.groups())) if base else url

    @property
    def canonical(self) -> str:
        """What the page says is its address (RFC 6596); "" when it says nothing or nothing sensible."""
        for tag in self._heads:
            if tag.get("rel", "").lower() == "canonical" and tag.get("href"):
                return normalize(tag["href"], self._base)
        return ""

    def forbids(self, what: str) -> bool:
        """Whether a robots `meta` of the page says `what`: noindex or nofollow."""
        said = [tag.get("content", "").lower() for tag in self._heads if tag.get("name", "").lower() == "robots"]
        words = {word.strip() for content in said for word in content.split(",")}
        return what in words or "none" in words

    def links(self) -> Iterator[str]:
        for found in islice(_LINK.finditer(self._text), _MAX_LINKS):
            if url := normalize(_unquoted(found.groups()), self._base):
                yield url

    @staticmethod
    def _attributes(tag: str) -> dict[str, str]:
        return {found.group(1).lower(): _unquoted(found.groups()[1:]) for found in _ATTRIBUTE.finditer(tag)}


def places_of(sitemap: bytes) -> list[str]:
    """The addresses in a sitemap, or the sitemaps in an index of them (sitemaps.org)."""
    text = sitemap[:_MAX_MARKUP].decode("utf-8", "replace")
    found = (normalize(html.unescape(place.group(1)), "") for place in islice(_PLACE.finditer(text), _MAX_PLACES))
    return [url for url in found if url]


def normalize(link: str, base: str) -> str:
    """One way to write an address, without its fragment; "" for what is no address of the web."""
    try:
        parts = urlsplit(urljoin(base, link.strip()))
        _ = parts.port
    except ValueError:
        return ""
    host = parts.netloc.lower().removesuffix(":443" if parts.scheme == "https" else ":80")
    path, query = quote(parts.path or "/", safe=_SAFE), quote(parts.query, safe=_SAFE)
    url = urlunsplit((parts.scheme, host, path, query, ""))
    return "" if parts.scheme not in {"http", "https"} or complain_of(url) else url


def _unquoted(groups: tuple[str | None, ...]) -> str:
    return html.unescape(next((group for group in groups if group is not None), ""))
