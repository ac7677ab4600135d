"""A PATCH of a group as a change of names and members, without the members that it does not name."""

from dataclasses import dataclass, field
from typing import Any

from scim2_models import PatchOp
from scim2_models.path import Comparison, FilterNode, LogicalExpr, LogicalOperator

from chatapp.accounts.services.provisioned_groups import MemberChange
from chatapp.api.scim.documents import Group
from chatapp.api.scim.errors import ScimError

MAX_OPERATIONS = 1000


@dataclass(slots=True)
class GroupChange:
    """The operations so far, in order. None: not named."""

    name: str | None = None
    external_id: str | None = None
    added: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    replaces: bool = False

    def members(self) -> MemberChange | None:
        if not (self.added or self.removed or self.replaces):
            return None
        return MemberChange(added=frozenset(self.added), removed=frozenset(self.removed), replaces=self.replaces)

    def add(self, ids: set[str]) -> None:
        self.added |= ids
        self.removed -= ids

    def remove(self, ids: set[str]) -> None:
        self.removed |= ids
        self.added -= ids

    def replace(self, ids: set[str]) -> None:
        self.added, self.removed, self.replaces = set(ids), set(), True


def change_of(patch: PatchOp[Group], *, group_id: str) -> GroupChange:
    """Raises ScimError."""
    operations = patch.operations or []
    if len(operations) > MAX_OPERATIONS:
        raise ScimError(400, f"A patch has at most {MAX_OPERATIONS} operations.", "tooMany")
    change = GroupChange()
    for operation in operations:
        path = str(operation.path) if operation.path else ""
        told = {path: operation.value} if path else _object(operation.value)
        for name, value in told.items():
            _apply(change, operation.op, name, value, group_id)
    return change


def _apply(change: GroupChange, op: str, path: str, value: Any, group_id: str) -> None:
    name, _, rest = path.partition("[")
    attribute = name.lower().removeprefix("urn:ietf:params:scim:schemas:core:2.0:group:")
    if attribute == "members":
        _apply_members(change, op, rest.rpartition("]")[0], value)
    elif attribute == "displayname":
        if op == "remove":
            raise ScimError(400, "A group has a displayName.", "mutability")
        change.name = _text(value)
    elif attribute == "externalid":
        change.external_id = "" if op == "remove" else _text(value)
    elif attribute == "id" and value != group_id:
        raise ScimError(400, "An id cannot be changed.", "mutability")


def _apply_members(change: GroupChange, op: str, selection: str, value: Any) -> None:
    if selection:
        if op != "remove":
            raise ScimError(400, "A member is added or removed, and not changed.", "mutability")
        change.remove(_selected(selection))
    elif op == "remove" and value is None:
        change.replace(set())
    elif op == "remove":
        change.remove(_ids(value))
    elif op == "add":
        change.add(_ids(value))
    else:
        change.replace(_ids(value))


def _selected(selection: str) -> set[str]:
    """`value eq "id"`, or several of them joined by `or`."""
    from scim2_models import ScimFilter

    return _compared(ScimFilter(selection).ast)


def _compared(node: FilterNode) -> set[str]:
    if isinstance(node, LogicalExpr) and node.op == LogicalOperator.or_:
        return set().union(*map(_compared, node.terms))
    is_id = isinstance(node, Comparison) and str(node.attr_path).lower() == "value" and node.op == "eq"
    if not is_id:
        raise ScimError(400, "Members are selected by value eq.", "invalidFilter")
    return {_text(node.value)}  # type: ignore[attr-defined]


def _ids(value: Any) -> set[str]:
    entries = value if isinstance(value, list) else [value]
    return {_text(entry.get("value") if isinstance(entry, dict) else entry) for entry in entries}


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ScimError(400, "Without a path the value is an object.", "invalidValue")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ScimError(400, "The value is a text.", "invalidValue")
    return value
