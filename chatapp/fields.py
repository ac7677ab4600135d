"""Text columns that are encrypted at rest: see chatapp/encryption.py."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models

from chatapp.encryption import decrypt, encrypt

if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
else:
    _TextField = models.TextField  # only generic for the type checker


class EncryptedTextField(_TextField):
    """Always encrypted: text that a policy blocked, keys of providers."""

    purpose = "withheld"

    def encrypts(self) -> bool:
        return True

    @property
    def place(self) -> str:
        """What a ciphertext is bound to."""
        return f"{self.model._meta.db_table}.{self.column}"  # noqa: SLF001 (Django's public name for it)

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        if not text or not self.encrypts():
            return text
        return encrypt(text, purpose=self.purpose, column=self.place)

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        """Raises DecryptionError."""
        return value if value is None else decrypt(value, column=self.place)


class ConfidentialTextField(EncryptedTextField):
    """Text of messages: encrypted unless ENCRYPT_MESSAGES is off; what is stored either way stays readable."""

    purpose = "messages"

    def encrypts(self) -> bool:
        return bool(settings.ENCRYPT_MESSAGES)
