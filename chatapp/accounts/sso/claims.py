"""What a provider says of somebody's groups."""

from collections.abc import Mapping
from typing import Any


def read_groups(claims: Mapping[str, Any], path: str) -> list[str] | None:
    """The names under `path`, a claim's name or a way with dots (`realm_access.roles`); None when there are none.

    A single name may stand without a list.
    """
    found = claims.get(path)
    if found is None:
        found = _walk(claims, path.split("."))
    if isinstance(found, str):
        return [found] if found.strip() else []
    if isinstance(found, list | tuple):
        return [name for name in found if isinstance(name, str)]
    return None


def are_left_out(claims: Mapping[str, Any], path: str) -> bool:
    """Entra ID names only where groups could be asked for when somebody has more than 200 ("overage")."""
    names = claims.get("_claim_names")
    return (isinstance(names, Mapping) and path in names) or claims.get("hasgroups") is True


def clean(value: Any) -> Any:
    """Without NUL characters, which the database does not take."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {str(key).replace("\0", ""): clean(item) for key, item in value.items()}
    return [clean(item) for item in value] if isinstance(value, list) else value


def _walk(claims: Any, steps: list[str]) -> Any:
    for step in steps:
        if not isinstance(claims, Mapping):
            return None
        claims = claims.get(step)
    return claims
