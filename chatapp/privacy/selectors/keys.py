"""Data keys as `chatapp.encryption` asks for them. For the product itself: no person's rights count here."""

import threading
import time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chatapp.encryption import DecryptionError, OpenKey, unwrap
from chatapp.privacy.models import DataKey

# How long a process goes on with a key that is not the active one any more. Data keys themselves never change.
ACTIVE_SECONDS = 60.0


class StoredKeys:
    """Unwrapped once in a process, then kept in its memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, OpenKey] = {}
        self._active: dict[str, OpenKey] = {}
        self._read_at = float("-inf")

    def active(self, purpose: str) -> OpenKey | None:
        if time.monotonic() - self._read_at > ACTIVE_SECONDS:
            self.refresh()
        return self._active.get(purpose)

    def find(self, key_id: str) -> OpenKey:
        found = self._open.get(key_id)
        if found is None:
            row = DataKey.objects.filter(id=key_id).first()
            if row is None:
                raise DecryptionError(f"There is no data key {key_id}.")
            found = self._open[key_id] = open_key(row)
        return found

    def refresh(self) -> None:
        """Raises DecryptionError when an active key does not open."""
        with self._lock:
            rows = DataKey.objects.filter(is_active=True)
            self._active = {row.purpose: self._open.get(row.id) or open_key(row) for row in rows}
            self._open.update({key.id: key for key in self._active.values()})
            self._read_at = time.monotonic()

    def forget(self) -> None:
        with self._lock:
            self._open, self._active, self._read_at = {}, {}, float("-inf")


stored_keys = StoredKeys()


def open_key(row: DataKey) -> OpenKey:
    """Raises DecryptionError."""
    raw = unwrap(row.wrapped, wrapped_by=row.wrapped_by, key_id=row.id, purpose=row.purpose)
    return OpenKey(row.id, AESGCM(raw))


def list_unopened() -> list[str]:
    """One sentence for each data key that the settings do not open; [] when all is well."""
    problems = []
    for row in DataKey.objects.all():
        try:
            open_key(row)
        except DecryptionError as error:
            problems.append(str(error))
    return problems
