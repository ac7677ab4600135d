"""Takes secrets and personal data out of what is logged, whoever logs it: our code, a library, an exception's text.

A net below the rule that neither is logged at all. Linear in the length of the text (RE2), because hostile text
reaches it; what is longer than MAX_CHARACTERS is cut first.
"""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import re2
from stdnum import iban, luhn

MASK = "[masked]"
MAX_CHARACTERS = 16_000
MAX_DEPTH = 6
# Of values of these names nothing is shown.
SECRET_NAME = re.compile(
    r"passw|secret|token(?!s)|authorization|cookie|api_?key|session_?key|credential|private_?key|samlresponse|assertion",
    re.IGNORECASE,
)
_SHAPES = (
    # Credentials of URLs (RFC 3986), headers (RFC 9110), JSON Web Tokens (RFC 7519), keys of ours and of providers.
    (r"(://)[^/\s@]+@", rf"\1{MASK}@"),
    (r"(?i)\b(bearer|basic|negotiate)\s+[A-Za-z0-9._~+/=-]{6,}", rf"\1 {MASK}"),
    (r"\beyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*", MASK),
    (r"\b(?:ca_|sk-|pk-|ghp_|xox[a-z]-)[A-Za-z0-9_-]{8,}", MASK),
    (r"(?i)\b((?:set-)?cookie)(['\"]?\s*[:=]\s*).+", rf"\1\2{MASK}"),
    (r"(?i)\b(sessionid|csrftoken|csrfmiddlewaretoken)(['\"]?\s*[:=]\s*['\"]?)[^;,\s'\"&]+", rf"\1\2{MASK}"),
    (
        r"(?i)\b([\w-]*(?:passw(?:or)?d|secret|api[_-]?key|[_-]token|samlresponse))(['\"]?\s*[:=]\s*['\"]?)[^\s'\"&,;}]+",
        rf"\1\2{MASK}",
    ),
    (r"(?i)\b[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24}\b", MASK),
)
_PATTERNS = tuple((re2.compile(source), by) for source, by in _SHAPES)
_CARD = re2.compile(r"\b[2-6](?:[ -]?\d){12,18}\b")
_IBAN = re2.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")


def mask_text(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS]}… ({len(text) - MAX_CHARACTERS:,} more characters)"
    text = text.encode(errors="replace").decode()  # RE2 takes no half characters.
    for pattern, by in _PATTERNS:
        text = pattern.sub(by, text)
    text = _CARD.sub(lambda found: MASK if luhn.is_valid(re.sub(r"\D", "", found.group())) else found.group(), text)
    masked: str = _IBAN.sub(lambda found: MASK if iban.is_valid(found.group()) else found.group(), text)
    return masked


def mask_value(value: Any, depth: int = 0) -> Any:
    """A copy that JSON can hold; what nests deeper than MAX_DEPTH is left out."""
    if value is None or isinstance(value, bool | int | float | UUID):
        return value if not isinstance(value, UUID) else str(value)
    if isinstance(value, str):
        return mask_text(value)
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {mask_text(str(name)): _mask_named(str(name), one, depth) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_value(one, depth + 1) for one in value]
    return mask_text(repr(value))


def mask_event(_logger: Any, _method: str, event: Any) -> Any:
    """A processor of structlog, the last before the line is written."""
    return {name: _mask_named(name, value, 0) for name, value in event.items()}


def _mask_named(name: str, value: Any, depth: int) -> Any:
    return MASK if value and SECRET_NAME.search(name) else mask_value(value, depth + 1)
