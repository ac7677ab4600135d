"""Which flags are alike, so that one decision can serve them all."""

import re

from django.utils.crypto import salted_hmac

_DIGIT = re.compile(r"[0-9]")
_BETWEEN_WORDS = re.compile(r"[^\w]+")


def fingerprint_of(check: str, stage: str, text: str) -> str:
    """The same for texts that differ in case, digits, spaces and punctuation only; empty for no text.

    Keyed, so that nobody can guess short texts from what is stored. A new SECRET_KEY starts anew.
    """
    words = _BETWEEN_WORDS.sub(" ", _DIGIT.sub("0", text.casefold())).strip()
    if not words:
        return ""
    value = f"{check}\0{stage}\0{words}"
    return salted_hmac("chatapp.moderation.lookalikes", value, algorithm="sha256").hexdigest()
