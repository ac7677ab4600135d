from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time

from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from chatapp.errors import ChatappError
from chatapp.moderation.models import FeedbackReason, FeedbackStatus

RATINGS = {"up": True, "down": False}
_CHOICES = {"status": FeedbackStatus.values, "rating": list(RATINGS), "reason": FeedbackReason.values}
_TEXTS = ("status", "rating", "reason", "version", "route")
_MAX_CHARACTERS = 100


@dataclass(frozen=True, kw_only=True)
class FeedbackSearch:
    """All conditions hold together; empty ones do not count. `since` is inside."""

    status: str = ""
    rating: str = ""
    reason: str = ""
    version: str = ""
    route: str = ""
    since: datetime | None = None

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> "FeedbackSearch":
        """Of a form or a query string, without the fields that are none of it. Raises ChatappError("invalid")."""
        texts = {name: fields.get(name, "").strip() for name in _TEXTS}
        if any(len(text) > _MAX_CHARACTERS or "\0" in text for text in texts.values()):
            raise ChatappError("invalid", detail=f"a condition has at most {_MAX_CHARACTERS} characters.")
        for name, known in _CHOICES.items():
            if texts[name] and texts[name] not in known:
                raise ChatappError("invalid", detail=f"{name} must be one of {', '.join(known)}.")
        return cls(**texts, since=_time(fields.get("since", "").strip()))

    def as_fields(self) -> dict[str, str]:
        """What `parse` reads, without what is empty: for links, and for the event that an export leaves."""
        since = {"since": self.since.isoformat()} if self.since else {}
        return {name: value for name in _TEXTS if (value := getattr(self, name))} | since

    def conditions(self) -> Q:
        """On rows of Feedback. What was taken back and is kept for a legal hold is found by its status only."""
        same = {"status": self.status, "exchange__model_version": self.version, "exchange__route": self.route}
        found = Q(**{name: value for name, value in same.items() if value})
        if not self.status:
            found &= ~Q(status=FeedbackStatus.WITHDRAWN)
        if self.rating:
            found &= Q(is_positive=RATINGS[self.rating])
        if self.reason:
            found &= Q(reasons__contains=[self.reason])
        if self.since:
            found &= Q(created_at__gte=self.since)
        return found


def _time(text: str) -> datetime | None:
    """A day counts from its first moment."""
    if not text:
        return None
    try:
        day = parse_date(text)
        found = datetime.combine(day, time()) if day else parse_datetime(text)
    except ValueError:  # The form is right and there is no such day.
        found = None
    if found is None:
        raise ChatappError("invalid", detail="since must be a day or a time in the form of ISO 8601.")
    return timezone.make_aware(found) if timezone.is_naive(found) else found
