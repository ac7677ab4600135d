"""Which language a question is in: compact and offline, for a process that answers web requests."""

import pycld2

# Where CLD2 still writes what ISO 639-1 has renamed.
_RENAMED = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv"}
_MAX_CHARACTERS = 2000


def detect_language(text: str) -> str:
    """The ISO 639-1 code; "" when it cannot be told, as for numbers and code of a few characters."""
    sample = "".join(c if c.isprintable() else " " for c in text[:_MAX_CHARACTERS])
    try:
        reliable, _, languages = pycld2.detect(sample.encode(errors="ignore"), bestEffort=True)
    except pycld2.error:  # It refuses bytes that it does not take for text.
        return ""
    code = languages[0][1].partition("-")[0]
    return _RENAMED.get(code, code) if reliable and code != "un" else ""
