import uuid

from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from chatapp.accounts.models.people import User


class LimitSubject(models.TextChoices):
    EVERYONE = "everyone"
    GROUP = "group"
    USER = "user"
    ROUTE = "route"


class LimitUnit(models.TextChoices):
    REQUESTS = "requests"
    TOKENS = "tokens"


class LimitPeriod(models.IntegerChoices):
    """In seconds."""

    MINUTE = 60
    DAY = 86_400


class RateLimit(models.Model):
    """How much of a unit may be used in a period, evenly refilled. See docs/limits.md for which limits count."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.CharField(max_length=8, choices=LimitSubject)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    group = models.ForeignKey(Group, null=True, on_delete=models.CASCADE, related_name="+")
    route = models.CharField(max_length=64, blank=True, help_text="Name of a route of models, shared by all.")
    unit = models.CharField(max_length=8, choices=LimitUnit)
    period = models.PositiveIntegerField(choices=LimitPeriod)
    amount = models.PositiveBigIntegerField(validators=[MinValueValidator(1)])
    burst = models.PositiveBigIntegerField(null=True, help_text="Most that can be used at once; null: the amount.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["subject", "route", "unit", "period", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "user", "group", "route", "unit", "period"],
                nulls_distinct=False,
                name="one_limit_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(subject="everyone", user=None, group=None, route="")
                | Q(subject="user", user__isnull=False, group=None, route="")
                | Q(subject="group", user=None, group__isnull=False, route="")
                | Q(subject="route", user=None, group=None) & ~Q(route=""),
                name="limit_names_its_subject",
            ),
            models.CheckConstraint(condition=Q(amount__gte=1) & (Q(burst=None) | Q(burst__gte=1)), name="limit_allows"),
        ]

    @property
    def subject_name(self) -> str:
        if self.user is not None:
            return self.user.username
        return self.group.name if self.group is not None else self.route

    @property
    def capacity(self) -> int:
        return self.burst or self.amount
