"""Cleans text from outside before it is stored."""

import re

# NUL breaks Postgres, the other controls break terminals and logs, lone surrogates break UTF-8.
# Bidirectional overrides make text read differently from what a model is given.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def clean_text(text: str) -> str:
    return _UNWANTED.sub("", text.replace("\r\n", "\n")).strip()
