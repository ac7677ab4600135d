"""Identity providers from a file (SSO_PROVIDERS_FILE), for installations that keep all set-up in files."""

import json
import re
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

_KINDS = {"oidc": "openid_connect", "saml": "saml"}
_OPTIONS = ("metadata", "groups_claim", "subject_attribute", "nameid_format", "ends_provider_session")
_KNOWN = {"kind", "slug", "name", "url", "client_id", "secret", "secret_file", *_OPTIONS}


def read_providers(path: str, *, taken: set[str]) -> list[tuple[str, dict[str, Any]]]:
    """Pairs of allauth's name of the kind and the app. Raises ImproperlyConfigured; "" is no file."""
    if not path:
        return []
    try:
        entries = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise _wrong(f"{path} cannot be read as JSON") from error
    if not isinstance(entries, list):
        raise _wrong("it is a list")
    found = [_read(entry) for entry in entries]
    slugs = [app["provider_id"] for _, app in found]
    if len({*slugs, *taken}) < len(slugs) + len(taken):
        raise _wrong("each slug stands once, and sso and saml are those of the other settings")
    return found


def _read(entry: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(entry, dict) or entry.get("kind") not in _KINDS or not set(entry) <= _KNOWN:
        raise _wrong(f"an entry has a kind, oidc or saml, and no more than {', '.join(sorted(_KNOWN))}")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", str(entry.get("slug", ""))):
        raise _wrong("a slug has 1 to 40 of a-z, 0-9 and hyphens")
    secret = Path(entry["secret_file"]).read_text().strip() if "secret_file" in entry else entry.get("secret", "")
    needed = (entry.get("url"), entry.get("client_id"), secret) if entry["kind"] == "oidc" else (True,)
    if not all(needed) or not (entry.get("url") or entry.get("metadata")):
        raise _wrong(f"{entry['slug']} lacks its url, client_id or secret")
    options = {name: entry[name] for name in _OPTIONS if name in entry}
    return _KINDS[entry["kind"]], {
        "provider_id": entry["slug"],
        "name": entry.get("name", entry["slug"]),
        "client_id": entry.get("client_id", entry["slug"]),
        "secret": secret,
        "settings": {"server_url": entry.get("url", ""), **options},
    }


def _wrong(what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"SSO_PROVIDERS_FILE: {what}.")
