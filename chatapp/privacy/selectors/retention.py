"""What is old enough to be deleted. No query here names what a legal hold keeps."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from chatapp.accounts.lockout import cool_off, stand_in_for
from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.conversations.models import Conversation, Origin
from chatapp.evaluation.models import Alert, AlertDelivery
from chatapp.inference.models import AnswerOutcome, ShadowOutcome, SideWork, WorkerOrder
from chatapp.moderation.models import CheckTally, Exchange, Flag
from chatapp.moderation.selectors import DECIDED
from chatapp.privacy.models import DataExport, HoldScope, Kind, RetentionRule, RetentionRun
from chatapp.privacy.models.retention import DEFAULT_DAYS
from chatapp.privacy.selectors.holds import EVERYONE, standing
from chatapp.retrieval.models import DocumentVersion

Due = Callable[[datetime], list[QuerySet[Any]]]


def not_held(rows: QuerySet[Any], person: str) -> QuerySet[Any]:
    """Without those whose `person` (a path to a user's id) a hold covers; rows of nobody only "everyone" does."""
    holds = standing()
    if holds.filter(EVERYONE).exists():
        return rows.none()
    held = list(holds.filter(scope=HoldScope.PERSON).values_list("person_id", flat=True))
    return rows.exclude(**{f"{person}__in": held}) if held else rows


def not_held_at_all(rows: QuerySet[Any]) -> QuerySet[Any]:
    """What is nobody's: a hold on everyone keeps it."""
    return rows.none() if standing().filter(EVERYONE).exists() else rows


def _conversations(origin: str) -> Due:
    def due(before: datetime) -> list[QuerySet[Any]]:
        old = Conversation.objects.filter(origin=origin, updated_at__lt=before, expires_at=None)
        return [not_held(old, "owner_id")]

    return due


def _exchanges(before: datetime) -> list[QuerySet[Any]]:
    flagged = Exists(Flag.objects.filter(exchange=OuterRef("pk")))
    return [not_held(Exchange.objects.filter(~flagged, created_at__lt=before), "user_id")]


def _flags(before: datetime) -> list[QuerySet[Any]]:
    """Exchanges all of whose flags were decided long enough ago; flags go with them."""
    of_exchange = Flag.objects.filter(exchange=OuterRef("pk"))
    waits = Exists(of_exchange.filter(~Q(status__in=DECIDED) | Q(decided_at__gte=before)))
    return [not_held(Exchange.objects.filter(Exists(of_exchange), ~waits), "user_id")]


def _usage(before: datetime) -> list[QuerySet[Any]]:
    tables = (AnswerOutcome, ShadowOutcome, SideWork)
    return [not_held(model.objects.filter(created_at__lt=before), "user_id") for model in tables]


def _check_figures(before: datetime) -> list[QuerySet[Any]]:
    return [not_held_at_all(CheckTally.objects.filter(hour__lt=before))]


def _operations(before: datetime) -> list[QuerySet[Any]]:
    """Deliveries go with their alert; those of no alert were tests."""
    old = [
        Alert.objects.filter(closed_at__lt=before),
        AlertDelivery.objects.filter(alert=None, created_at__lt=before),
        WorkerOrder.objects.filter(finished_at__lt=before),
    ]
    return [rows.none() for rows in old] if standing().filter(EVERYONE).exists() else old


def _old_versions(before: datetime) -> list[QuerySet[Any]]:
    """Those that a newer one, which is searched, has taken the place of."""
    holds = standing()
    replaced = DocumentVersion.objects.filter(created_at__lt=before, number__lt=F("document__current__number"))
    if holds.filter(EVERYONE).exists():
        return [replaced.none()]
    held = list(holds.filter(scope=HoldScope.COLLECTION).values_list("collection_id", flat=True))
    return [replaced.exclude(document__collection_id__in=held)]


def _failed_sign_ins(before: datetime) -> list[QuerySet[Any]]:
    """Never those that may still lock somebody out. They know people by what stands for a name."""
    holds = standing()
    logs = [
        model.objects.filter(attempt_time__lt=min(before, timezone.now() - cool_off()))
        for model in (AccessAttempt, AccessFailureLog, AccessLog)
    ]
    if holds.filter(EVERYONE).exists():
        return [rows.none() for rows in logs]
    people = holds.filter(scope=HoldScope.PERSON).values_list("person__username", "person__email")
    held = [stand_in_for(name) for names in people for name in names if name]
    return [rows.exclude(username__in=held) for rows in logs] if held else logs


def _exports(before: datetime) -> list[QuerySet[Any]]:
    return [DataExport.objects.filter(created_at__lt=before).exclude(status__in=["waiting", "running"])]


DUE: dict[Kind, Due] = {
    Kind.CONVERSATIONS: _conversations(Origin.PAGE),
    Kind.API_CONVERSATIONS: _conversations(Origin.API),
    Kind.EXCHANGES: _exchanges,
    Kind.FLAGS: _flags,
    Kind.USAGE: _usage,
    Kind.CHECK_FIGURES: _check_figures,
    Kind.OPERATIONS: _operations,
    Kind.OLD_VERSIONS: _old_versions,
    Kind.EXPORTS: _exports,
    Kind.FAILED_SIGN_INS: _failed_sign_ins,
}


def set_due(kind: Kind, due: Due) -> None:
    """For data of an app that may not be imported here."""
    DUE[kind] = due


def list_rules() -> dict[Kind, int | None]:
    """All kinds with their days; None: for ever."""
    days = dict(RetentionRule.objects.values_list("kind", "days"))
    return {kind: days.get(kind, DEFAULT_DAYS.get(kind)) for kind in Kind}


def due_now(kind: Kind, days: int) -> list[QuerySet[Any]]:
    return DUE[kind](timezone.now() - timedelta(days=days))


def preview_for(user: User) -> dict[Kind, int]:
    """By kind with a rule, how many rows the next runs would delete; {} without the right to know."""
    if not can(user, "privacy.manage"):
        return {}
    rules = {kind: days for kind, days in list_rules().items() if days is not None}
    return {kind: sum(rows.count() for rows in due_now(kind, days)) for kind, days in rules.items()}


def list_runs_for(user: User) -> QuerySet[RetentionRun]:
    return RetentionRun.objects.all() if can(user, "privacy.manage") else RetentionRun.objects.none()


def list_released() -> QuerySet[Conversation]:
    """Deleted by their owners, kept for a hold, and under none any more."""
    return not_held(Conversation.objects.filter(deleted_at__isnull=False), "owner_id")
