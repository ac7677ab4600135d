"""Cleans text from outside before it is stored."""

import re

from chatapp.invisible import without_invisible

# NUL breaks Postgres, the other controls break terminals and logs, lone surrogates break UTF-8.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def clean_text(text: str) -> str:
    return without_invisible(_UNWANTED.sub("", text.replace("\r\n", "\n"))).strip()
