"""Text columns that are encrypted at rest (Fernet: AES-128-CBC with HMAC-SHA256, keys from FIELD_ENCRYPTION_KEYS)."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models

# A control character that services strip from user text, so that no message can pass for a ciphertext.
CIPHERTEXT_MARK = "\x01fernet:"


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _current_cipher() -> MultiFernet:
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS))


if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
else:
    _TextField = models.TextField  # only generic for the type checker


class EncryptedTextField(_TextField):
    """Always encrypted: text that a policy blocked, keys of providers."""

    def encrypts(self) -> bool:
        return True

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        if not text or not self.encrypts():
            return text
        return CIPHERTEXT_MARK + _current_cipher().encrypt(text.encode()).decode()

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        if value is None or not value.startswith(CIPHERTEXT_MARK):
            return value
        return _current_cipher().decrypt(value.removeprefix(CIPHERTEXT_MARK)).decode()


class ConfidentialTextField(EncryptedTextField):
    """Text of messages: encrypted when ENCRYPT_MESSAGES is on; what is stored either way stays readable."""

    def encrypts(self) -> bool:
        return bool(settings.ENCRYPT_MESSAGES)
