"""A route while somebody edits it: what the fields hold, wrong or right, and the rows that are added and moved."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeVar

from django.http import QueryDict

from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, Route
from chatapp.inference.selectors import get_version_by_name
from chatapp.inference.services import RuleSpec
from chatapp.inference.services.route_plans import plan_of

# More rows than a route may have, so that the service says what is too many; fewer than would hold up a page.
MAX_ROWS = 60
T = TypeVar("T", bound="Row")


class RefusedFieldError(Exception):
    """`args` are the field and the sentence."""


@dataclass(slots=True)
class Row:
    """One row of a list; its fields are posted as PREFIX_FIELD, a value for each row."""

    version: str = ""

    @property
    def is_blank(self) -> bool:
        return not any(getattr(self, one.name) for one in fields(self))


@dataclass(slots=True)
class ArmRow(Row):
    share: str = ""


@dataclass(slots=True)
class RuleRow(Row):
    task: str = ""
    collection: str = ""
    language: str = ""
    choice: str = ""
    min_characters: str = ""
    max_characters: str = ""


@dataclass(slots=True)
class RouteDraft:
    name: str = ""
    description: str = ""
    version: str = ""
    may_leave_company: bool = False
    safe_answer: str = ""
    override: str = ""
    arms: list[ArmRow] = field(default_factory=list)
    rules: list[RuleRow] = field(default_factory=list)
    fallbacks: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, route: Route) -> Self:
        plan = plan_of(route)
        return cls(
            name=plan.name,
            description=plan.description,
            version=plan.version.name,
            may_leave_company=plan.may_leave_company,
            safe_answer=plan.safe_answer,
            arms=[ArmRow(version.name, f"{share:g}") for version, share in plan.arms],
            rules=[RuleRow(spec.version.name, *map(_shown, spec.conditions)) for spec in plan.rules],
            fallbacks=[Row(version.name) for version in plan.fallbacks],
        )

    @classmethod
    def posted(cls, form: QueryDict, *, name: str = "") -> Self:
        """`name` is that of a route that exists; else the form names it."""
        return cls(
            name=name or form.get("name", "").strip(),
            description=form.get("description", "").strip(),
            version=form.get("version", ""),
            may_leave_company="may_leave_company" in form,
            safe_answer=form.get("safe_answer", "").strip(),
            override=form.get("override", "").strip()[:500],
            arms=_rows(form, "arm", ArmRow),
            rules=_rows(form, "rule", RuleRow),
            fallbacks=_rows(form, "fallback", Row),
        )

    def version_names(self) -> set[str]:
        rows = [*self.arms, *self.rules, *self.fallbacks]
        return {name for name in (self.version, *(row.version for row in rows)) if name}

    def change(self, action: str) -> str:
        """Adds, removes or moves a row as `add-arm`, `remove-rule-0`, `up-fallback-1` say; returns what to focus.

        Raises ChatappError("invalid") for any other action.
        """
        verb, _, rest = action.partition("-")
        kind, _, number = rest.partition("-")
        lists: dict[str, list[Any]] = {"arm": self.arms, "rule": self.rules, "fallback": self.fallbacks}
        rows = lists.get(kind)
        if rows is not None and verb == "add":
            rows.append({"arm": ArmRow, "rule": RuleRow, "fallback": Row}[kind]())
            return f"{kind}-{len(rows) - 1}"
        at = int(number) if number.isdecimal() and len(number) < 4 else MAX_ROWS
        if rows is None or at >= len(rows) or verb not in {"remove", "up", "down"}:
            raise ChatappError("invalid", detail="this row is not there any more.")
        row = rows.pop(at)
        if verb == "remove":
            return f"add-{kind}"
        to = max(0, at - 1) if verb == "up" else min(len(rows), at + 1)
        rows.insert(to, row)
        return f"{kind}-{to}"

    def arguments(self) -> dict[str, Any]:
        """What `configure_route` takes; rows that were left blank are left out. Raises RefusedFieldError."""
        return {
            "name": self.name,
            "description": self.description,
            "version": _version(self.version, "version"),
            "may_leave_company": self.may_leave_company,
            "safe_answer": self.safe_answer,
            "override": self.override,
            "arms": [(_version(row.version, "arms"), _share(row.share)) for row in self.arms if not row.is_blank],
            "rules": [_rule(row) for row in self.rules if not row.is_blank],
            "fallbacks": [_version(row.version, "fallbacks") for row in self.fallbacks if not row.is_blank],
        }


def field_of(sentence: str) -> str:
    """The field that a refusal of `configure_route` speaks of; empty for what concerns none of them."""
    said = sentence.lower()
    for start in ("name", "description", "safe_answer"):
        if said.startswith(start):
            return start
    parts = (("leaves the company", "may_leave_company"), ("fallback", "fallbacks"), ("arm", "arms"), ("rule", "rules"))
    found = next((name for words, name in parts if words in said), "")
    return found or ("rules" if "characters" in said else "")


def _rows(form: QueryDict, prefix: str, kind: Callable[..., T]) -> list[T]:
    names = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    columns = [form.getlist(f"{prefix}_{name}")[:MAX_ROWS] for name in names]
    return [kind(*(value.strip() for value in values)) for values in zip(*columns, strict=False)]


def _shown(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _version(name: str, where: str) -> ModelVersion:
    if not name:
        raise RefusedFieldError(where, "Choose a version.")
    try:
        return get_version_by_name(name)
    except ChatappError as error:
        raise RefusedFieldError(where, error.message) from None


def _share(text: str) -> float:
    try:
        return float(text.removesuffix("%").strip())
    except ValueError:
        raise RefusedFieldError("arms", "The share is a number of percent, such as 10 or 0.5.") from None


def _rule(row: RuleRow) -> RuleSpec:
    words = {name: getattr(row, name) for name in ("task", "collection", "language", "choice")}
    low, high = _length(row.min_characters), _length(row.max_characters)
    return RuleSpec(version=_version(row.version, "rules"), **words, min_characters=low, max_characters=high)


def _length(text: str) -> int | None:
    if text and not (text.isdecimal() and len(text) < 12):
        raise RefusedFieldError("rules", "The length of a question is a whole number of characters.")
    return int(text) if text else None
