"""How much people and groups may use in a calendar period, and who was told that most of it, or all, is used."""

import uuid
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q


class BudgetSubject(models.TextChoices):
    """`everyone`: each person has that much, unless a budget of their own says otherwise; a group has it together."""

    EVERYONE = "everyone", "Everyone, each"
    GROUP = "group", "Group, together"
    USER = "user", "One person"


class BudgetUnit(models.TextChoices):
    TOKENS = "tokens"
    COST = "cost"


class BudgetPeriod(models.TextChoices):
    """Calendar periods in the company's time zone (TIME_ZONE); a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Budget(models.Model):
    """From `soft` on people are told, from `hard` on their questions are refused until the period is over."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.CharField(max_length=8, choices=BudgetSubject)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    group = models.ForeignKey(Group, null=True, on_delete=models.CASCADE, related_name="+")
    unit = models.CharField(max_length=8, choices=BudgetUnit)
    period = models.CharField(max_length=8, choices=BudgetPeriod)
    soft = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    hard = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    contact = models.CharField(max_length=100, blank=True, help_text="Whom people are told to ask for more.")
    note = models.CharField(max_length=300, blank=True, help_text="Why it is so; for those who set budgets.")
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "user", "group", "unit", "period"],
                nulls_distinct=False,
                name="one_budget_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(subject="everyone", user=None, group=None)
                | Q(subject="user", user__isnull=False, group=None)
                | Q(subject="group", user=None, group__isnull=False),
                name="budget_names_its_subject",
            ),
            models.CheckConstraint(
                condition=(Q(soft__gt=0, hard=None) | Q(soft=None, hard__gt=0) | Q(soft__gt=0, hard__gte=F("soft"))),
                name="budget_limits_something",
            ),
        ]

    @property
    def limits(self) -> dict[str, Decimal | None]:
        return {"soft": self.soft, "hard": self.hard}

    @property
    def subject_name(self) -> str:
        if self.user is not None:
            return self.user.username
        return self.group.name if self.group is not None else ""


class BudgetLevel(models.TextChoices):
    SOFT = "soft"
    HARD = "hard"


class BudgetAudience(models.TextChoices):
    """`person`: whose question it was; `managers`: those who set budgets."""

    PERSON = "person"
    MANAGERS = "managers"


class BudgetNotice(models.Model):
    """That a level was reached in the period that began on that day, told once; of a group `user` has no value."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="notices")
    audience = models.CharField(max_length=8, choices=BudgetAudience)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    level = models.CharField(max_length=8, choices=BudgetLevel)
    starts_on = models.DateField()
    spent = models.DecimalField(max_digits=20, decimal_places=6)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "audience", "user", "level", "starts_on"],
                nulls_distinct=False,
                name="one_budget_notice",
            ),
        ]

    @property
    def limit(self) -> Decimal | None:
        """What was reached; None once the budget has no such limit any more."""
        return self.budget.hard if self.level == BudgetLevel.HARD else self.budget.soft
