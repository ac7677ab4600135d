"""What directories send beside the standard, put into its words before it is read."""

from typing import Any

_MANAGER = "manager"
_SINGLE = {"displayname", "nickname", "title", "usertype", "username", "externalid", "locale", "timezone", "active"}


def normalize_body(body: dict[str, Any]) -> dict[str, Any]:
    """A User or Group as it is posted or put: Entra's extension names a manager by the bare id."""
    return {key: _normalize(key, value) for key, value in body.items()}


def normalize_patch(body: dict[str, Any]) -> dict[str, Any]:
    operations = body.get("Operations", body.get("operations"))
    if not isinstance(operations, list):
        return body
    rest = {key: value for key, value in body.items() if key.lower() not in {"operations", "schemas"}}
    changed = [_normalize_operation(one) if isinstance(one, dict) else one for one in operations]
    return {**rest, "schemas": body.get("schemas", []), "Operations": changed}


def _normalize_operation(operation: dict[str, Any]) -> dict[str, Any]:
    path, value = operation.get("path"), operation.get("value")
    if isinstance(path, str) and path:
        return {**operation, "value": _normalize(path, value)} if "value" in operation else operation
    without = {key: told for key, told in operation.items() if key != "path"}
    return {**without, "value": normalize_body(value)} if isinstance(value, dict) else without


def _normalize(name: str, value: Any) -> Any:
    last = name.lower().rpartition(":")[2]
    if isinstance(value, dict) and name.lower().endswith(":user"):
        return normalize_body(value)
    if last == _MANAGER and isinstance(value, str):
        return {"value": value}
    is_wrapped = isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "value" in value[0]
    return value[0]["value"] if last in _SINGLE and is_wrapped else value
