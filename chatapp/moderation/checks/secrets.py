"""Keys, tokens, private keys and passwords, by the forms that their issuers give them.

Each kind that Yelp's detect-secrets tells by its form is here (a test compares), and some that it does not know. Its
guesses by entropy are not: they take every hash for a secret. Nothing is ever tried out against an issuer.
"""

import re
from collections.abc import Mapping
from typing import Any

from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.matcher import Confirm, Matcher, build_matcher, whole_match

FIELDS: frozenset[str] = frozenset()
MASK, LABEL = "[secret removed]", "SECRET"
# A private RSA key of 8,192 bits in PEM has 6,400 characters; text that begins one waits that long for its end.
MAX_SPAN = 8_192

# What a form leaves open is open here, too: a counted end would make every long word a slow one (RE2 counts by states).
_TOKENS = (
    r"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}\b",  # Amazon
    r"AccountKey=[A-Za-z0-9+/]{20,}={0,2}",  # Azure Storage
    r"\bAIza[A-Za-z0-9_-]{20,}",  # Google
    r"\bGOCSPX-[A-Za-z0-9_-]{20,}",
    r"\b[MNO][A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{20,}",  # Discord
    r"\bgh[pousr]_[A-Za-z0-9_]{20,}",  # GitHub
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bgl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|oas|agent)-[A-Za-z0-9_-]{20,}",  # GitLab
    r"\bGR1348941[A-Za-z0-9_-]{20,}",
    r"\bhf_[A-Za-z0-9]{20,}",  # Hugging Face
    r"\beyJ[A-Za-z0-9_=-]{8,}\.[A-Za-z0-9_=-]{8,}(?:\.[A-Za-z0-9_+/=-]*)?",  # JSON Web Token, RFC 7519
    r"\b[0-9a-z]{32,}-us[0-9]{1,2}\b",  # Mailchimp
    r"\bnpm_[A-Za-z0-9]{20,}",
    r":_authToken=\s{0,3}[A-Za-z0-9-]{20,}",
    r"\bpypi-AgE[A-Za-z0-9_-]{20,}",
    r"\bSG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}",  # SendGrid
    r"(?i:\bxox[abposr]-(?:[0-9]+-)+[a-z0-9]+\b)",  # Slack
    r"https://hooks\.slack\.com/services/T[A-Za-z0-9_]+/B[A-Za-z0-9_]+/[A-Za-z0-9_]+",
    r"\bsq0csp-[A-Za-z0-9\\_-]{20,}",  # Square
    r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{20,}",  # Stripe
    r"\b[0-9]{8,10}:[A-Za-z0-9_-]{35,}",  # Telegram
    r"\b(?:AC|SK)[a-z0-9]{32,}",  # Twilio
    r"\bAKC[A-Za-z0-9]{10,}",  # Artifactory
    r"api\.softlayer\.com/soap/v3(?:\.1)?/[a-z0-9]{20,}",
)
_BEGINS_WITH_SK = r"\bsk-[A-Za-z0-9_-]{20,}"  # OpenAI, Anthropic
_KEY_NAME = r"(?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?"
# A block without its last line is taken as far as its lines go.
_LINES = r"(?:(?:\s|\\n)*(?:[A-Za-z-]+: [^\n]*\n|[A-Za-z0-9+/=]{16,}))*"
_PRIVATE_KEYS = (
    rf"-{{4,5}} ?BEGIN {_KEY_NAME} ?-{{4,5}}(?:(?:[^-]|-[^-])*-{{4,5}} ?END {_KEY_NAME} ?-{{4,5}}|{_LINES})",
    rf"PuTTY-User-Key-File-[0-9]: [^\n]*\n{_LINES}",
)
# user:password@ in an address, RFC 3986.
_IN_ADDRESS = r"://[^\s:/?#@\[\]<>\"']+:[^\s:/?#@\[\]<>\"']+@"
_EXAMPLES = frozenset({"password", "pass", "passwd", "secret", "changeme"})
_PASSWORD = r"passw(?:or)?d|passphrase|pwd"  # noqa: S105
_KEYS = r"(?:api|access|auth|account|encryption|master|private|secret|service|softlayer)[_ -]?key"
_ASSIGNED = (
    rf"(?i:(?:{_KEYS}|secret|token|{_PASSWORD})"
    r"[\"']?\s{0,3}(?::=|=>|[:=])\s{0,3}[\"'`]?)[^\s\"'`<>=:]{8,}={0,2}"
)
_SIGN = re.compile(r"(?::=|=>|[:=])\s{0,3}[\"'`]?")
_SHORTEST_KEY, _LONGEST_VALUE = 16, 512


def build(_spec: Mapping[str, Any]) -> Parts:
    forms: list[tuple[str, Confirm]] = [(source, whole_match) for source in (*_TOKENS, *_PRIVATE_KEYS)]
    forms += [(_BEGINS_WITH_SK, _of_all_letters), (_IN_ADDRESS, _between_signs), (_ASSIGNED, _assigned_value)]
    return Parts(tuple(_matcher(source, confirm) for source, confirm in forms), max_span=MAX_SPAN)


def _matcher(source: str, confirm: Confirm) -> Matcher:
    return build_matcher(source, confirm, MASK, LABEL)


def _of_all_letters(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Not the name of a package, as that of scikit-learn's followers."""
    key = text[start + len("sk-") : end]
    kinds = (str.isupper, str.islower, str.isdigit)
    return (start, end) if all(any(map(is_kind, key)) for is_kind in kinds) else None


def _between_signs(text: str, start: int, end: int) -> tuple[int, int] | None:
    start, end = start + len("://"), end - len("@")
    return None if text[start:end].partition(":")[2].lower() in _EXAMPLES else (start, end)


def _assigned_value(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The value alone, where it is none that a person would take for a word: it has letters and digits."""
    matched = text[start : min(end, start + _LONGEST_VALUE)]
    sign = _SIGN.search(matched)
    if sign is None:
        return None
    value = matched[sign.end() :].rstrip(".,;:)]}")
    is_password = re.match(rf"(?i:{_PASSWORD})", matched) is not None
    is_mixed = any(character.isdigit() for character in value) and any(character.isalpha() for character in value)
    if not is_mixed or (len(value) < _SHORTEST_KEY and not is_password):
        return None
    return start + sign.end(), start + sign.end() + len(value)
