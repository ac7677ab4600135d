"""Links to hosts that are not the company's own: in an answer they can carry data away (EchoLeak, CVE-2025-32711).

What a browser takes for a link is wider than RFC 3986 (WHATWG URL Standard), and Markdown adds escapes and entities. So
the patterns take every form of the slashes, and a host counts as the company's own only where it is written plainly.
"""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from chatapp.addresses import is_host_name, read_address
from chatapp.invisible import ALWAYS, without_smuggled
from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.fields import FieldError, text_list
from chatapp.moderation.checks.matcher import MAX_SPAN, Confirm, build_matcher

FIELDS = frozenset({"hosts"})
MAX_HOSTS = 200
MAX_HOST_CHARACTERS = 253
MASK = "[link removed]"

# The page takes these out before it reads the Markdown, so they may stand anywhere; `\r` ends no URL for this reason.
_UNSEEN = rf"[{ALWAYS}\r]*"
_SLASH = rf"(?:(?:\\?/|\\|&(?:sol|bsol|#0{{0,6}}(?:47|92)|#x0{{0,6}}(?:2f|5c));?){_UNSEEN})"
# Quotation marks end no host, either: a browser takes them for a part of it.
_TAIL = r"[^ \t\n\f\p{Z}<>]+"
# Schemes by name: if any word could be one, all words would wait for their end. Another's URL is found by its slashes.
URL = (
    rf"(?i:(?:(?:https?|ftps?|wss?){_UNSEEN}:{_UNSEEN})?{_SLASH}{{2,}}{_TAIL}"
    rf"|https?:{_SLASH}?{_TAIL}|mailto:{_TAIL}|www\.{_TAIL}|<[^ \t\n<>@]{{1,200}}@{_TAIL}>)"
)
# In brackets a destination may hold spaces, and without them nearly anything: all of it can be the password before `@`.
MARKDOWN = r"\]\([ \t\n]{0,3}(?:<[^<>\n]+>?|[^ \t\n<][^ \t\n]*)(?:[ \t]\"[^\"\n]{0,100}\")?\)?"

_PARTS = re.compile(r"(?:(?P<scheme>[A-Za-z]{2,6}):)?(?P<slashes>[/\\]*)(?P<authority>[^/?#]*)")
_HOST = re.compile(r"(?P<host>[A-Za-z0-9._-]+)(?::\d{1,5})?")
_DOMAIN = re.compile(r"(?:[\w-]+\.)+(?:[^\W\d_]{2,63}(?!\w)|xn--[A-Za-z0-9-]+)|\d{1,3}(?:\.\d{1,3}){3}(?!\w)")
_SPACE = re.compile(r"[ \t\n]")
_QUOTE = re.compile(r"(?<!^)[\"`]")
# A destination without a scheme is a host only where it cannot be a file, and hardly `rows[i](row.id)` in a program.
_BARE_HOST = re.compile(
    r"(?:[\w-]+\.)+(?:(?:biz|cloud|com|edu|gov|net|online|org|shop|xyz)(?![\w.])|[a-z]{2}/)", re.IGNORECASE
)
# What prose and Markdown put behind a URL; the first one opens no class when it stands in one.
_CLOSING = "])}\"`*_'’\u201d»,;.!|~\u3001\u3002\uff0c\uff01\uff09"  # noqa: RUF001 -- marks as they are written
# A `[` can be in no host and `@` makes all before it a password: behind the one, without the other, a new link begins.
_NO_MORE_HOST = re.compile(rf"[{_CLOSING}]*(?:['’]s)?(?:\[[^@]*)?", re.DOTALL)  # noqa: RUF001


def build(spec: Mapping[str, Any]) -> Parts:
    hosts = text_list(spec, "hosts", most=MAX_HOSTS, longest=MAX_HOST_CHARACTERS)
    for number, host in enumerate(hosts):
        if not is_host_name(host) and (":" in host or read_address(host) is None):
            raise FieldError(f"hosts[{number}]", "must be a host such as example.com, without https:// and path.")
    own = frozenset(host.lower().strip(".") for host in hosts)
    return Parts(
        (
            build_matcher(MARKDOWN, _foreign_destination(own), f"] {MASK}", "LINK"),
            build_matcher(URL, _foreign_url(own), MASK, "LINK"),
        )
    )


def _foreign_url(own: frozenset[str]) -> Confirm:
    def confirm(text: str, start: int, end: int) -> tuple[int, int] | None:
        if not _is_foreign(text[start:end], own, before=text[start - 1] if start else ""):
            return None
        return start, start + len(_QUOTE.split(text[start:end])[0].rstrip(_CLOSING + "\r"))

    return confirm


def _foreign_destination(own: frozenset[str]) -> Confirm:
    def confirm(text: str, start: int, end: int) -> tuple[int, int] | None:
        written = text[start + 2 : end].lstrip(" \t\n")
        url = written[1:].partition(">")[0] if written.startswith("<") else _SPACE.split(written)[0]
        if not _is_foreign(url, own, is_destination=True, is_cut=end - start >= MAX_SPAN):
            return None
        closing = text.find(")", start, end)
        return start, end if closing == -1 else closing + 1

    return confirm


def _is_foreign(
    written: str, own: frozenset[str], *, before: str = "", is_destination: bool = False, is_cut: bool = False
) -> bool:
    """`before` is the character that stands before the URL; `is_cut`: it may go on. What is no link is not foreign."""
    url = without_smuggled(written).replace("\r", "")
    # A destination has its entities resolved, `<https://…>` has not.
    return any(
        _is_link(form, before, is_destination=is_destination)
        and not _is_own_url(form, own, is_cut=is_cut or len(written) >= MAX_SPAN)
        for form in {url, unescape(url)}
    )


def _is_link(url: str, before: str, *, is_destination: bool) -> bool:
    scheme, slashes, authority = _parts_of(url)
    is_domain = _DOMAIN.match(authority) is not None
    if scheme.lower() == "mailto" or url.startswith("<"):
        return "@" in url or "%40" in url
    if scheme or (before == ":" and slashes.startswith("/")):
        return bool(slashes) or is_domain
    if slashes:  # In a path, something stands before them.
        return is_domain and len(slashes) > 1 and not (before.isalnum() or before in {"/", "\\"})
    if is_destination and not authority.lower().startswith("www."):
        return _BARE_HOST.match(url) is not None
    return is_domain and not before.isalnum()


def _is_own_url(url: str, own: frozenset[str], *, is_cut: bool) -> bool:
    scheme, _, authority = _parts_of(url)
    if url.startswith("<"):
        return _is_own_mail(url[1:-1], own)
    if scheme.lower() == "mailto":
        return _is_own_mail(url.partition(":")[2], own)
    return not (is_cut and url.endswith(authority)) and _is_own_authority(authority, own)


def _parts_of(url: str) -> tuple[str, str, str]:
    parts = _PARTS.match(url)
    return (parts["scheme"] or "", parts["slashes"], parts["authority"]) if parts else ("", "", url)


def _is_own_authority(authority: str, own: frozenset[str]) -> bool:
    found = _HOST.match(authority)
    if found is None or not _is_own(found["host"], own):
        return False
    # `<` and `>` can be in no host: what stands behind them is text, or a password.
    rest = re.split("[<>]", authority[found.end() :], maxsplit=1)
    return _NO_MORE_HOST.fullmatch(rest[0]) is not None and "@" not in rest[-1]


def _is_own(host: str, own: frozenset[str]) -> bool:
    host = host.lower().strip(".")
    return host in own or any(host.endswith("." + domain) for domain in own)


def _is_own_mail(rest: str, own: frozenset[str]) -> bool:
    """Of one plain address; `?cc=` and `,` could name others."""
    local, at, host = rest.partition("?")[0].rstrip(_CLOSING).partition("@")
    return rest.count("@") == 1 and bool(at) and not re.search(r"[,;%&]", local) and _is_own(host, own)
