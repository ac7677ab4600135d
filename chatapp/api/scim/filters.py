"""SCIM filters and sort keys as conditions of the database, for the attributes that are listed here.

`scim2_models` parses: in linear time (LALR) and with a limit of nesting.
"""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any
from uuid import UUID

from django.db.models import Q
from scim2_models.path import (
    CompareOperator,
    Comparison,
    FilterNode,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

from chatapp.api.scim.errors import ScimError

MAX_LENGTH = 4000
MAX_TERMS = 64
_CORE = ("urn:ietf:params:scim:schemas:core:2.0:user:", "urn:ietf:params:scim:schemas:core:2.0:group:")


@dataclass(frozen=True, slots=True)
class Column:
    """Where an attribute lies. `empty` is what stands there when it has no value;"""

    path: str
    kind: type = str
    exact: bool = False
    empty: Any = ""


PERSON: Mapping[str, Column] = {
    "username": Column("user__username"),
    "externalid": Column("external_id", exact=True),
    "id": Column("user__id", UUID, empty=None),
    "active": Column("user__is_active", bool, empty=None),
    "displayname": Column("attributes__displayName", empty=None),
    "title": Column("attributes__title", empty=None),
    "name.givenname": Column("user__first_name"),
    "name.familyname": Column("user__last_name"),
    "emails": Column("user__email"),
    "emails.value": Column("user__email"),
    "groups": Column("memberships__group__id", UUID, empty=None),
    "groups.value": Column("memberships__group__id", UUID, empty=None),
    "meta.created": Column("created_at", datetime, empty=None),
    "meta.lastmodified": Column("changed_at", datetime, empty=None),
}
GROUP: Mapping[str, Column] = {
    "displayname": Column("group__name"),
    "externalid": Column("external_id", exact=True),
    "id": Column("id", UUID, empty=None),
    "members": Column("memberships__person__user__id", UUID, empty=None),
    "members.value": Column("memberships__person__user__id", UUID, empty=None),
    "meta.created": Column("created_at", datetime, empty=None),
    "meta.lastmodified": Column("changed_at", datetime, empty=None),
}
_TEXT = {CompareOperator.co: "contains", CompareOperator.sw: "startswith", CompareOperator.ew: "endswith"}
_ORDER = {CompareOperator.gt: "gt", CompareOperator.ge: "gte", CompareOperator.lt: "lt", CompareOperator.le: "lte"}
# An id that is none is looked for in vain, not refused.
_NOTHING = Q(pk__in=[])


def condition_of(node: FilterNode, columns: Mapping[str, Column]) -> Q:
    """Raises ScimError("invalidFilter") for what cannot be asked for here."""
    if _count(node) > MAX_TERMS:
        raise _refuse(f"A filter has at most {MAX_TERMS} terms.")
    return _condition(node, columns, "")


def column_of(name: str, columns: Mapping[str, Column]) -> Column:
    """Raises ScimError("invalidFilter")."""
    lowered = name.lower()
    for prefix in _CORE:
        lowered = lowered.removeprefix(prefix)
    if lowered not in columns:
        raise _refuse("This attribute cannot be filtered or sorted by.")
    return columns[lowered]


def _condition(node: FilterNode, columns: Mapping[str, Column], within: str) -> Q:
    if isinstance(node, LogicalExpr):
        joined = operator.and_ if node.op == LogicalOperator.and_ else operator.or_
        return reduce(joined, (_condition(term, columns, within) for term in node.terms))
    if isinstance(node, Not):
        return ~_condition(node.expr, columns, within)
    if isinstance(node, ValuePath):
        return _selection(node, columns)
    if isinstance(node, Present):
        column = column_of(_name(node.attr_path, within), columns)
        return ~_is_empty(column)
    if isinstance(node, Comparison):
        return _comparison(node, column_of(_name(node.attr_path, within), columns))
    raise _refuse("This filter cannot be read.")


def _selection(node: ValuePath, columns: Mapping[str, Column]) -> Q:
    """`emails[type eq "work" and value eq "a@b.c"]`: one address is kept in a column, whatever its type."""
    terms = node.val_filter.terms if isinstance(node.val_filter, LogicalExpr) else (node.val_filter,)
    if isinstance(node.val_filter, LogicalExpr) and node.val_filter.op != LogicalOperator.and_:
        raise _refuse("Within brackets, terms are joined by and.")
    asked = [term for term in terms if not _is_label(term)]
    if not asked:
        return _condition(Present(attr_path=node.attr_path), columns, "")
    return reduce(operator.and_, (_condition(term, columns, str(node.attr_path)) for term in asked))


def _is_label(node: FilterNode) -> bool:
    return isinstance(node, Comparison) and str(node.attr_path).lower() in {"type", "primary"}


def _name(path: object, within: str) -> str:
    return f"{within}.{path}" if within else str(path)


def _comparison(node: Comparison, column: Column) -> Q:
    if node.value is None:
        empty = _is_empty(column)
        return {CompareOperator.eq: empty, CompareOperator.ne: ~empty}.get(node.op) or _NOTHING
    value = _value(node.value, column)
    if value is None:
        return _NOTHING if node.op == CompareOperator.eq else ~_NOTHING
    insensitive = "" if column.exact or column.kind is not str else "i"
    if node.op in {CompareOperator.eq, CompareOperator.ne}:
        equal = Q(**{f"{column.path}__{insensitive}exact": value})
        return equal if node.op == CompareOperator.eq else ~equal
    if node.op in _TEXT and column.kind is str:
        return Q(**{f"{column.path}__{insensitive}{_TEXT[node.op]}": value})
    if node.op in _ORDER and column.kind in {str, datetime}:
        return Q(**{f"{column.path}__{_ORDER[node.op]}": value})
    raise _refuse("This attribute cannot be compared in that way.")


def _is_empty(column: Column) -> Q:
    null = Q(**{f"{column.path}__isnull": True})
    return null | Q(**{column.path: ""}) if column.empty == "" else null


def _value(value: Any, column: Column) -> Any:
    """None for an id that can be nobody's."""
    if column.kind is bool:
        lowered = str(value).lower()
        if lowered not in {"true", "false"}:
            raise _refuse("This attribute is true or false.")
        return lowered == "true"
    text = str(value)
    if column.kind is str:
        return text
    try:
        return UUID(text) if column.kind is UUID else datetime.fromisoformat(text)
    except ValueError:
        if column.kind is UUID:
            return None
        raise _refuse("A time is written as in RFC 3339.") from None


def _count(node: FilterNode) -> int:
    if isinstance(node, LogicalExpr):
        return sum(map(_count, node.terms))
    if isinstance(node, Not):
        return _count(node.expr)
    return _count(node.val_filter) if isinstance(node, ValuePath) else 1


def _refuse(detail: str) -> ScimError:
    return ScimError(400, detail, "invalidFilter")
