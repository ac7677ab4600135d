"""Flags as a reviewer may see them: nobody reviews what they asked themselves, so for them it is not there."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.moderation.models import Action, Flag, FlagDecision, FlagSource, FlagStatus, Severity, Stage, Verdict

DECIDED = (FlagStatus.UPHELD, FlagStatus.DISMISSED)
QUEUES = (FlagStatus.OPEN, FlagStatus.SECOND, FlagStatus.ESCALATED)
UNDECIDED = ~Q(status__in=DECIDED)
EXPIRED = Q(status=FlagStatus.CLAIMED, claimed_until__lt=Now())
OVERDUE = UNDECIDED & Q(due_at__lt=Now())
UNDO_TIME = timedelta(minutes=10)
RANKS = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagFilter:
    """An empty field filters nothing. `check` and `policy` are names; a report's check is its source."""

    severity: str = ""
    source: str = ""
    stage: str = ""
    check: str = ""
    policy: str = ""
    overdue: bool = False


NO_FILTER = FlagFilter()


def list_flags_for(
    user: User, status: str | None = None, *, severity: str | None = None, narrowed: FlagFilter = NO_FILTER
) -> QuerySet[Flag]:
    """`status` is a FlagStatus, "waiting" (what this user may claim), "mine", "decided", or None for all.

    A claim that ran out counts as free. Raises ChatappError("invalid") for other values.
    """
    flags = Flag.objects.select_related("exchange", "exchange__user", "verdict", "verdict__policy", "claimed_by")
    if not can(user, "moderation.review_flag"):
        return flags.none()
    flags = flags.filter(_others_exchanges(user), _conditions(narrowed))
    if severity is not None:
        flags = flags.filter(_choice("severity", severity, Severity.values))
    return flags if status is None else flags.filter(_of_status(status, user))


def free_for(user: User) -> Q:
    """What this user may claim: free, not decided on by them before, no appeal against what they decided."""
    theirs = FlagDecision.objects.filter(actor=user, undoes__isnull=True, undone_by__isnull=True)
    # Sets that are read once. As EXISTS they were joined by loops: each waiting flag with each decision of theirs.
    decided_before = Q(pk__in=theirs.values("flag"))
    appealed_against = Q(source=FlagSource.APPEAL, exchange__in=theirs.values("flag__exchange"))
    queues = QUEUES if can(user, "moderation.decide_escalated") else (FlagStatus.OPEN, FlagStatus.SECOND)
    free = Q(status__in=queues) | (EXPIRED | Q(status=FlagStatus.CLAIMED, claimed_by=user)) & Q(queue__in=queues)
    # What is decided is left out by name, as the index on the rest wants it.
    return UNDECIDED & _others_exchanges(user) & free & ~decided_before & ~appealed_against


def by_urgency(flags: QuerySet[Flag]) -> QuerySet[Flag]:
    """Severest first, then what is due first; adds `rank` and `due`, which a page's cursor is made of."""
    ranks = [When(severity=severity, then=Value(rank)) for severity, rank in RANKS.items()]
    rank = Case(*ranks, default=Value(len(RANKS)), output_field=IntegerField())
    return flags.annotate(rank=rank, due=Coalesce(F("due_at"), F("created_at"))).order_by("rank", "due", "id")


def count_flags(generation_id: UUID) -> int:
    """For the outcome of an answer; says nothing of what was flagged.

    A sample is taken of good answers, too, and an appeal says that nothing was wrong: these do not count.
    """
    told = Flag.objects.filter(exchange_id=generation_id, source__in=[FlagSource.CHECK, FlagSource.REPORT])
    return told.count()


def count_output_flags(generation_id: UUID) -> int:
    """Findings of checks on the answer's own text that asked for a person; people's reports are none."""
    verdicts = Verdict.objects.filter(exchange_id=generation_id, stage=Stage.OUTPUT, is_shadow=False)
    return verdicts.filter(action__in=[Action.FLAG, Action.BLOCK]).count()


def count_overdue() -> int:
    """For the metric; no user's rights count here."""
    return Flag.objects.filter(OVERDUE).count()


def get_flag_for(user: User, flag_id: UUID) -> Flag:
    """Raises ChatappError("not_found")."""
    flag = list_flags_for(user).select_related("decided_by", "reporter").filter(id=flag_id).first()
    if flag is None:
        raise ChatappError("not_found")
    return flag


def last_decision(flag: Flag) -> FlagDecision | None:
    """The newest that stands: neither an undo nor undone."""
    standing = FlagDecision.objects.filter(flag=flag, undoes__isnull=True, undone_by__isnull=True)
    return standing.select_related("actor").order_by("-created_at", "-id").first()


def may_undo(user: User, decision: FlagDecision | None) -> bool:
    """One's own for ten minutes; anybody's for those who decide escalated flags."""
    if decision is None:
        return False
    is_fresh = decision.created_at > timezone.now() - UNDO_TIME
    return (decision.actor_id == user.pk and is_fresh) or can(user, "moderation.decide_escalated")


def _others_exchanges(user: User) -> Q:
    return ~Q(exchange__user=user)


def _of_status(status: str, user: User) -> Q:
    conditions: dict[str, Q] = {
        **{str(one): Q(status=one) for one in FlagStatus.values},
        **{str(queue): Q(status=queue) | EXPIRED & Q(queue=queue) for queue in QUEUES},
        "claimed": Q(status=FlagStatus.CLAIMED) & ~EXPIRED,
        "waiting": free_for(user),
        "mine": Q(status=FlagStatus.CLAIMED, claimed_by=user),
        "decided": Q(status__in=DECIDED),
    }
    if status not in conditions:
        raise ChatappError("invalid", detail=f"status must be one of {', '.join(conditions)}.")
    return conditions[status]


def _conditions(narrowed: FlagFilter) -> Q:
    if "\0" in narrowed.check + narrowed.policy:
        raise ChatappError("invalid", detail="check and policy are names.")
    condition = Q()
    for field, value, values in (
        ("severity", narrowed.severity, Severity.values),
        ("source", narrowed.source, FlagSource.values),
    ):
        condition &= _choice(field, value, values) if value else Q()
    if narrowed.stage:
        of_verdict = _choice("stage", narrowed.stage, Stage.values, column="verdict__stage")
        condition &= of_verdict | Q(verdict__isnull=True) if narrowed.stage == Stage.OUTPUT else of_verdict
    if narrowed.check:
        condition &= Q(verdict__check_name=narrowed.check) | Q(verdict__isnull=True, source=narrowed.check)
    if narrowed.policy:
        condition &= Q(verdict__policy__name=narrowed.policy)
    return condition & OVERDUE if narrowed.overdue else condition


def _choice(field: str, value: str, values: list[str], *, column: str = "") -> Q:
    if value not in values:
        raise ChatappError("invalid", detail=f"{field} must be one of {', '.join(values)}.")
    return Q(**{column or field: value})
