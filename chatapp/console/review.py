"""The words of the review pages: filters, keys, reasons; and what a form says."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.http import QueryDict

from chatapp.errors import ChatappError
from chatapp.moderation.effects import EFFECTS, possible_effects
from chatapp.moderation.models import Flag, FlagSource, FlagStatus, Severity, Stage
from chatapp.moderation.reasons import REASONS, default_code
from chatapp.moderation.selectors import FlagCounts, FlagFilter

STATUSES = (
    ("waiting", "Free for you"),
    ("mine", "Claimed by you"),
    ("open", "Open"),
    ("second", "Second review"),
    ("escalated", "Escalated"),
    ("claimed", "In review"),
    ("decided", "Decided"),
)
CHOICES = {"severity": Severity.choices, "source": FlagSource.choices, "stage": Stage.choices}
SAID = {
    FlagStatus.UPHELD: "Flag upheld.",
    FlagStatus.DISMISSED: "Flag dismissed.",
    FlagStatus.SECOND: "Decided. A second reviewer confirms it.",
    FlagStatus.ESCALATED: "Flag escalated.",
}
REASON_GROUPS = tuple((label, REASONS[label.lower()]) for label in ("Uphold", "Dismiss", "Escalate"))


@dataclass(frozen=True, slots=True)
class Button:
    """`value` is a decision, or one with an effect: `uphold-retract`. `key` is pressed for it."""

    key: str
    value: str
    label: str


BUTTONS = (
    Button("1", "uphold", "Uphold"),
    Button("2", "dismiss", "Dismiss"),
    Button("3", "escalate", "Escalate"),
    Button("4", "uphold-retract", "Uphold and retract"),
    Button("5", "uphold-mask", "Uphold and mask"),
)

BULK_BUTTONS = BUTTONS[:3]


def buttons_for(flag: Flag) -> list[Button]:
    """Those that make sense for this flag as it is."""
    effects = possible_effects(flag, "uphold")
    hidden = {f"uphold-{effect}" for effect in EFFECTS if effect not in effects}
    if flag.queue == FlagStatus.ESCALATED:
        hidden.add("escalate")
    return [button for button in BUTTONS if button.value not in hidden]


def decision_from(form: QueryDict) -> dict[str, Any]:
    """Own words, else the chosen reason, else the plain one of that decision; the arguments of `decide_flag`."""
    decision, _, effect = form.get("decision", "").partition("-")
    note, code = form.get("note", "").strip(), form.get("reason_code", "")
    effects = [*filter(None, [effect]), *form.getlist("effects")]
    code = code or ("" if note else default_code(decision))
    return {"decision": decision, "reason_code": code, "reason": note, "effects": effects}


def ids_from(form: QueryDict, field: str) -> list[UUID]:
    """Raises ChatappError("invalid") for none, and for what is no id."""
    try:
        ids = [UUID(value) for value in form.getlist(field)]
    except ValueError:
        raise ChatappError("invalid", detail=f"{field} must be the id of a flag.") from None
    if not ids:
        raise ChatappError("invalid", detail="choose a flag first.")
    return ids


def filter_from(query: Mapping[str, str]) -> FlagFilter:
    fields = {name: query.get(name, "")[:100] for name in ("severity", "source", "stage", "check", "policy")}
    return FlagFilter(**fields, overdue=query.get("overdue") == "1")


def statuses_with(counts: FlagCounts, narrowed: FlagFilter) -> list[tuple[str, str, int | None, str]]:
    """Value, label, how many (of what is undecided), and the address that lists them under the same filter."""
    return [(value, label, counts.by_status.get(value), query_of(narrowed, status=value)) for value, label in STATUSES]


def query_of(narrowed: FlagFilter, **more: str) -> str:
    """As part of an address, so that a filtered list can be linked to."""
    fields = {name: "1" if value is True else str(value) for name, value in asdict(narrowed).items() if value}
    return urlencode({**fields, **more})


def query_before(address: str | None) -> str:
    """Of the list that a reviewer came from, by its address: only what is a filter is taken from it."""
    query = QueryDict(urlsplit(address or "").query)
    status = query.get("status", "")
    known = {value for value, _ in STATUSES}
    return query_of(filter_from(query), **({"status": status} if status in known else {}))
