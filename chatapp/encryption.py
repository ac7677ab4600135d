"""Envelope encryption of columns: text by data keys, data keys by the keys of the settings.

AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits. The associated data is the column, so that a ciphertext
that was moved into another one is refused. Data keys come from a source that `privacy`, which stores them, sets.
"""

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# A control character that services strip from user text, so that no message can pass for a ciphertext.
MARK = "\x01gcm:"
FERNET_MARK = "\x01fernet:"  # What was written before there were data keys; it is still read.
NONCE_BYTES = 12
PURPOSES = ("messages", "withheld")


class DecryptionError(Exception):
    """A ciphertext that no key here opens: a key is missing, or the text was changed or moved."""


@dataclass(frozen=True, slots=True)
class OpenKey:
    id: str
    cipher: AESGCM


class KeySource(Protocol):
    def active(self, purpose: str) -> OpenKey | None:
        """None while no data key exists, as before the migrations are through."""

    def find(self, key_id: str) -> OpenKey:
        """Raises DecryptionError."""


@dataclass(slots=True)
class _Source:
    keys: KeySource | None = None


_source = _Source()


def set_key_source(keys: KeySource) -> None:
    _source.keys = keys


def encrypt(text: str, *, purpose: str, column: str) -> str:
    key = _source.keys.active(purpose) if _source.keys else None
    if key is None:
        return FERNET_MARK + _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode()).decode()
    nonce = os.urandom(NONCE_BYTES)
    sealed = key.cipher.encrypt(nonce, text.encode(), column.encode())
    return f"{MARK}{key.id}:{base64.b64encode(nonce + sealed).decode()}"


def decrypt(stored: str, *, column: str) -> str:
    """Text that is no ciphertext is returned as it is. Raises DecryptionError."""
    try:
        if stored.startswith(FERNET_MARK):
            token = stored.removeprefix(FERNET_MARK)
            return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(token).decode()
        if not stored.startswith(MARK):
            return stored
        key_id, _, sealed = stored.removeprefix(MARK).partition(":")
        if _source.keys is None:
            raise DecryptionError(f"No source of data keys is set; {column} is encrypted.")
        found, raw = _source.keys.find(key_id), base64.b64decode(sealed, validate=True)
        return found.cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], column.encode()).decode()
    except (InvalidTag, InvalidToken, ValueError) as error:
        raise DecryptionError(f"A text of {column} cannot be decrypted with the keys that are set.") from error


def is_current(stored: str, *, purpose: str) -> bool:
    """Whether it is under the active data key of the purpose."""
    key = _source.keys.active(purpose) if _source.keys else None
    return key is not None and stored.startswith(f"{MARK}{key.id}:")


def fingerprint(key: str) -> str:
    """Names one of FIELD_ENCRYPTION_KEYS without telling anything of it."""
    return _derive(key, b"chatapp fingerprint")[:6].hex()


def wrap(data_key: bytes, *, key_id: str, purpose: str) -> str:
    nonce = os.urandom(NONCE_BYTES)
    sealed = _wrapping(settings.FIELD_ENCRYPTION_KEYS[0]).encrypt(nonce, data_key, f"{key_id} {purpose}".encode())
    return base64.b64encode(nonce + sealed).decode()


def unwrap(wrapped: str, *, wrapped_by: str, key_id: str, purpose: str, keys: Sequence[str] | None = None) -> bytes:
    """Raises DecryptionError, which names the key that is missing."""
    for key in settings.FIELD_ENCRYPTION_KEYS if keys is None else keys:
        if fingerprint(key) == wrapped_by:
            raw = base64.b64decode(wrapped)
            try:
                return _wrapping(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], f"{key_id} {purpose}".encode())
            except InvalidTag as error:
                raise DecryptionError(f"Data key {key_id} was changed in the database.") from error
    raise DecryptionError(f"Data key {key_id} needs the key {wrapped_by}, which is not in FIELD_ENCRYPTION_KEYS.")


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _wrapping(key: str) -> AESGCM:
    return AESGCM(_derive(key, b"chatapp key encryption"))


def _derive(key: str, use: bytes) -> bytes:
    """One setting, several uses: none of them sees another's key (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=use).derive(base64.urlsafe_b64decode(key))
