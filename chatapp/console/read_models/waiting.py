"""What waits for the person who looks, as lines that lead there; what their rights do not cover is not asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.console.selectors import count_version_states_for
from chatapp.conversations.reading_models import ReadingState
from chatapp.conversations.readings.selectors import list_reading_grants_for
from chatapp.evaluation.selectors import list_open_alerts
from chatapp.inference.budgets.selectors import count_used_up_for
from chatapp.inference.models import VersionState
from chatapp.moderation.feedback_search import FeedbackSearch
from chatapp.moderation.models import FeedbackStatus
from chatapp.moderation.selectors import count_flags_for, list_feedback_for


@dataclass(frozen=True, slots=True)
class Waiting:
    """`count` things, in words for one and for many; `urgent` says, where it is not empty, why they come first."""

    name: str
    count: int
    one: str
    many: str
    url: str
    urgent: str = ""

    @property
    def what(self) -> str:
        return self.one if self.count == 1 else self.many


def list_waiting_for(user: User) -> list[Waiting]:
    """What is urgent first; nothing of which there is none."""
    found = [*_alerts(user), *_flags(user), *_readings(user), *_versions(user), *_feedback(user), *_budgets(user)]
    return sorted((one for one in found if one.count), key=lambda one: not one.urgent)


def _alerts(user: User) -> Iterator[Waiting]:
    """Of figures out of their band now, that nobody has acknowledged."""
    if can(user, "evaluation.view_alert"):
        count = list_open_alerts(user).filter(acknowledged_at=None).order_by().count()
        yield Waiting("alerts", count, "alert", "alerts", reverse("console_alerts"), "nobody has looked")


def _flags(user: User) -> Iterator[Waiting]:
    if can(user, "moderation.review_flag"):
        flags = count_flags_for(user)
        urgent = f"{flags.overdue:,} overdue" if flags.overdue else ""
        waiting, url = flags.by_status["waiting"], reverse("console_flags")
        yield Waiting("flags", waiting, "flag to review", "flags to review", url, urgent)


def _readings(user: User) -> Iterator[Waiting]:
    """Others' requests only: nobody approves their own."""
    if can(user, "conversations.approve_reading"):
        asked = list_reading_grants_for(user).filter(state=ReadingState.REQUESTED).exclude(requested_by=user)
        words = ("request to read conversations", "requests to read conversations")
        yield Waiting("readings", asked.count(), *words, reverse("console_readings"))


def _versions(user: User) -> Iterator[Waiting]:
    """Nothing for those who may not see versions."""
    counts = count_version_states_for(user)
    for state, todo in ((VersionState.DRAFT, "to verify"), (VersionState.VERIFIED, "to put through the release gate")):
        url = f"{reverse('console_models')}?{urlencode({'state': state})}"
        yield Waiting(f"versions-{state}", counts.get(state, 0), f"version {todo}", f"versions {todo}", url)


def _feedback(user: User) -> Iterator[Waiting]:
    if can(user, "moderation.triage_feedback"):
        new = list_feedback_for(user, FeedbackSearch(status=FeedbackStatus.NEW)).order_by().count()
        url = f"{reverse('console_feedback')}?{urlencode({'status': FeedbackStatus.NEW})}"
        yield Waiting("feedback", new, "new rating of an answer", "new ratings of answers", url)


def _budgets(user: User) -> Iterator[Waiting]:
    """None for those who do not set them."""
    url = reverse("console_budgets")
    yield Waiting("budgets", count_used_up_for(user), "budget that is used up", "budgets that are used up", url)
