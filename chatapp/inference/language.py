"""Which language a text is in: compact and offline, for a process that answers web requests."""

import pycld2

# Where CLD2 still writes what ISO 639-1 has renamed.
_RENAMED = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv"}
_MAX_CHARACTERS = 2000

# Without "unknown", and without its names of scripts.
LANGUAGES = frozenset(_RENAMED.get(code, code).partition("-")[0] for _, code in pycld2.LANGUAGES) - {"un", "xx"}


def detect_language(text: str) -> str:
    """The ISO 639-1 code; "" when it cannot be told, as for numbers and code of a few characters."""
    shares = detect_languages(text)
    return next(iter(shares), "")


def detect_languages(text: str) -> dict[str, float]:
    """What share of the text is in which language, the largest first; nothing where that cannot be told."""
    sample = "".join(c if c.isprintable() else " " for c in text[:_MAX_CHARACTERS])
    try:
        reliable, _, found = pycld2.detect(sample.encode(errors="ignore"), bestEffort=True)
    except pycld2.error:  # It refuses bytes that it does not take for text.
        return {}
    if not reliable or found[0][1] == "un":
        return {}
    shares: dict[str, float] = {}
    for _, name, percent, _ in found:
        code = name.partition("-")[0]
        code = _RENAMED.get(code, code)
        if code != "un":
            shares[code] = shares.get(code, 0.0) + percent / 100
    return shares
