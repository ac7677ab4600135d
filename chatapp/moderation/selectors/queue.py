"""What stands round the flags of a queue: numbers, choices to filter by, look-alikes, and what was decided."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.moderation.models import Action, Flag, FlagDecision, FlagStatus, Verdict
from chatapp.moderation.selectors.flags import (
    EXPIRED,
    NO_FILTER,
    OVERDUE,
    QUEUES,
    UNDECIDED,
    FlagFilter,
    free_for,
    list_flags_for,
)

MAX_CHOICES = 200


@dataclass(frozen=True, slots=True)
class FlagCounts:
    """Of flags that nobody has decided yet, by the status that they are listed under; `overdue` of all of them."""

    by_status: dict[str, int]
    overdue: int


def count_flags_for(user: User, *, narrowed: FlagFilter = NO_FILTER) -> FlagCounts:
    """Raises ChatappError("invalid") for a wrong filter."""
    undecided = list_flags_for(user, narrowed=narrowed).filter(UNDECIDED)
    of_status = {
        "waiting": free_for(user),
        "mine": Q(status=FlagStatus.CLAIMED, claimed_by=user),
        "claimed": Q(status=FlagStatus.CLAIMED) & ~EXPIRED,
        **{str(queue): Q(status=queue) | EXPIRED & Q(queue=queue) for queue in QUEUES},
    }
    counts = {name: Count("pk", filter=condition) for name, condition in of_status.items()}
    found = undecided.order_by().aggregate(**counts, overdue=Count("pk", filter=OVERDUE))
    return FlagCounts({name: found[name] for name in of_status}, found["overdue"])


def list_flag_choices(user: User) -> tuple[list[str], list[str]]:
    """Names of checks and of policies that undecided flags come from."""
    flags = list_flags_for(user).filter(UNDECIDED, verdict__isnull=False).order_by()
    pairs = list(flags.values_list("verdict__check_name", "verdict__policy__name").distinct()[:MAX_CHOICES])
    return sorted({check for check, _ in pairs}), sorted({policy for _, policy in pairs if policy})


def claimable_ids(user: User, flag_ids: list[UUID]) -> set[UUID]:
    return set(list_flags_for(user, "waiting").filter(id__in=flag_ids).values_list("id", flat=True))


def count_alike(user: User, flag: Flag) -> int:
    """Others that one decision can serve together with this one."""
    if not flag.fingerprint:
        return 0
    alike = list_flags_for(user, "waiting").filter(fingerprint=flag.fingerprint, queue=flag.queue)
    return alike.exclude(id=flag.id).count()


def list_decisions(flag: Flag) -> list[FlagDecision]:
    """Of a flag that the caller may see, oldest first, undos among them."""
    return list(FlagDecision.objects.filter(flag=flag).select_related("actor", "undoes").order_by("created_at", "id"))


def list_verdicts(flag: Flag) -> list[Verdict]:
    """All that was found in the exchange of a flag that the caller may see; of shadow policies too."""
    verdicts = Verdict.objects.filter(exchange=flag.exchange_id).select_related("policy")
    return list(verdicts.order_by("is_shadow", "stage", "check_name", "id")[:MAX_CHOICES])


def list_verdicts_of(user: User, generation_id: UUID) -> list[Verdict]:
    """Of one answer: all for those who see policies, else what changed the text of a question or answer.

    The caller has asked whether the user may see the answer itself.
    """
    verdicts = Verdict.objects.filter(exchange_id=generation_id).select_related("policy")
    if not can(user, "moderation.view_policy"):
        verdicts = verdicts.filter(is_shadow=False, failure="", action__in=[Action.MASK, Action.BLOCK])
    return list(verdicts.order_by("is_shadow", "stage", "check_name", "id")[:MAX_CHOICES])
