"""Secrets that a single-machine installation makes for itself once and keeps in `secrets.json` (0600)."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from chatapp.runtime.files import write_private_file

_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # without look-alikes: people copy it from a terminal


@dataclass(frozen=True, kw_only=True)
class Secrets:
    secret_key: str
    field_encryption_key: str
    valkey_password: str
    demo_password: str


def new_encryption_key() -> str:
    """A Fernet key: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def load_secrets(home: Path) -> Secrets:
    """Those of `home`, generated where missing. ValueError if the file is damaged: it is never replaced silently."""
    path = home / "secrets.json"
    stored: dict[str, str] = {}
    if path.exists():
        try:
            stored = json.loads(path.read_text())
        except ValueError as error:
            raise ValueError(
                f"{path} is damaged. Restore it from a backup: stored text is encrypted with it."
            ) from error
    generated = {
        "secret_key": secrets.token_urlsafe(48),
        "field_encryption_key": new_encryption_key(),
        "valkey_password": secrets.token_urlsafe(24),
        "demo_password": "".join(secrets.choice(_READABLE) for _ in range(14)),
    }
    names = [field.name for field in fields(Secrets)]
    result = Secrets(**{name: stored.get(name, generated[name]) for name in names})
    if asdict(result) != stored:
        write_private_file(path, json.dumps(asdict(result), indent=2))
    return result
