from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from chatapp.accounts.models import AuditEvent, Outcome, User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError

_MAX_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditSearch:
    """All conditions hold together; empty ones do not count.

    `person` is a user name or id, `action` a whole action ("document.deleted") or an area ("document"), `words` whole
    words of names, reasons, details and values before and after. `since` is inside, `until` is not.
    """

    person: str = ""
    action: str = ""
    object_id: str = ""
    address: str = ""
    outcome: str = ""
    words: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> "AuditSearch":
        """Of a form or a query string, without the fields that are none of it. Raises ChatappError("invalid")."""
        texts = {name: fields.get(name, "").strip() for name in _TEXTS}
        if any(len(text) > _MAX_CHARACTERS or "\0" in text for text in texts.values()):
            raise ChatappError("invalid", detail=f"a condition has at most {_MAX_CHARACTERS} characters.")
        if texts["outcome"] not in {"", *Outcome.values}:
            raise ChatappError("invalid", detail=f"outcome must be one of {', '.join(Outcome.values)}.")
        return cls(**texts, since=_time(fields.get("since", "")), until=_time(fields.get("until", "")))

    def as_fields(self) -> dict[str, str]:
        """What `parse` reads, without what is empty: for links, and for the event that an export leaves."""
        times = {name: value.isoformat() for name in ("since", "until") if (value := getattr(self, name))}
        return {name: value for name in _TEXTS if (value := getattr(self, name))} | times


_TEXTS = ("person", "action", "object_id", "address", "outcome", "words")


def list_audit_events_for(user: User, search: AuditSearch | None = None) -> QuerySet[AuditEvent]:
    if not can(user, "accounts.view_audit"):
        return AuditEvent.objects.none()
    events = AuditEvent.objects.defer("search")
    return events.filter(*_conditions(search)) if search else events


def get_audit_event_for(user: User, event_id: UUID) -> AuditEvent:
    """Raises ChatappError("not_found")."""
    event = list_audit_events_for(user).filter(id=event_id).first()
    if event is None:
        raise ChatappError("not_found")
    return event


def _conditions(search: AuditSearch) -> list[Q]:
    same = {"object_id": search.object_id, "address": search.address, "outcome": search.outcome}
    found = [Q(**{name: value}) for name, value in same.items() if value]
    if search.person:
        found.append(_of_person(search.person))
    if search.action:
        found.append(Q(action=search.action) if "." in search.action else Q(action__startswith=f"{search.action}."))
    if search.words:
        found.append(Q(search=SearchQuery(search.words, config="simple", search_type="websearch")))
    if search.since:
        found.append(Q(at__gte=search.since))
    if search.until:
        found.append(Q(at__lt=search.until))
    return found


def _of_person(person: str) -> Q:
    """By the id, which stays the same and is indexed; a name that nobody has any more is looked for in the events."""
    try:
        return Q(actor_id=UUID(person))
    except ValueError:
        user_id = User.objects.filter(username=person).values_list("id", flat=True).first()
        words = SearchQuery(person, config="simple")  # Has an index, which the name by itself has not.
        return Q(actor_id=user_id) if user_id else Q(actor_name=person, search=words)


def _time(text: str) -> datetime | None:
    """ISO 8601; without an offset it is in the server's time zone."""
    if not text:
        return None
    try:
        at = parse_datetime(text) or parse_datetime(f"{text}T00:00")
    except ValueError:
        at = None
    if at is None:
        raise ChatappError("invalid", detail="a time looks like 2026-11-29T08:30.")
    return timezone.make_aware(at) if timezone.is_naive(at) else at
