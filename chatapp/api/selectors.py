"""Read models over several apps that only the API shows."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypedDict
from uuid import UUID

from django.db.models import Count, IntegerField, Max, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.inference.models import AnswerOutcome
from chatapp.moderation.models import Verdict

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class Usage(TypedDict):
        answers: int
        prompt_tokens: int
        completion_tokens: int
        last_answer_at: datetime

    UserWithUsage = WithAnnotations[User, Usage]
else:
    UserWithUsage = User


def list_usage_for(user: User, *, days: int) -> QuerySet[UserWithUsage]:
    """Users with what they used in the last `days`; the caller's own row, or everybody's for those who may see it."""
    visible = User.objects.all() if can(user, "accounts.view_usage") else User.objects.filter(pk=user.pk)
    recent = AnswerOutcome.objects.filter(user=OuterRef("pk"), created_at__gt=Now() - timedelta(days=days))
    per_user = recent.order_by().values("user")

    def total(aggregate: Count | Sum) -> Subquery:
        return Subquery(per_user.annotate(total=aggregate).values("total"), output_field=IntegerField())

    return visible.annotate(
        answers=total(Count("pk")),
        prompt_tokens=total(Sum("prompt_tokens")),
        completion_tokens=total(Sum("completion_tokens")),
        last_answer_at=Subquery(per_user.annotate(last=Max("created_at")).values("last")),
    ).filter(last_answer_at__isnull=False)


def list_verdicts_for(user: User, generation_id: UUID) -> QuerySet[Verdict]:
    """What the policies found in the user's own question and its answer; excerpts are for reviewers only."""
    return Verdict.objects.filter(exchange_id=generation_id, exchange__user=user).order_by("stage", "check_name")
