"""Usage of days that are over, summed, so that 90 days are read without a million outcomes."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from chatapp.inference.models.versions import ModelVersion


class SummedDay(models.Model):
    """A day whose sums may stand for its outcomes and side work, of which there were `rows`."""

    day = models.DateField(primary_key=True)
    zone = models.CharField(max_length=64, help_text="The TIME_ZONE in which it is this day.")
    rows = models.PositiveIntegerField()


class DailyUse(models.Model):
    """Of one person, by one version and route, on one day of SummedDay. Side work has no route, and is no answer.

    Steps of seconds as usage/sql.py makes them, one for each answer that has any.
    """

    day = models.DateField(db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    route = models.CharField(max_length=64)
    is_trial = models.BooleanField()
    answers = models.PositiveIntegerField()
    cached = models.PositiveIntegerField()
    prompt_tokens = models.PositiveBigIntegerField()
    completion_tokens = models.PositiveBigIntegerField()
    cost = models.DecimalField(max_digits=20, decimal_places=6)
    last_used_at = models.DateTimeField()
    first_token_steps = ArrayField(models.SmallIntegerField())
    duration_steps = ArrayField(models.SmallIntegerField())

    class Meta:
        indexes = [models.Index(fields=["user", "day"], name="daily_use_of_person")]


class DailySpeed(models.Model):
    """How many answers of everybody took so many seconds: what would else be counted of each person anew."""

    day = models.DateField(db_index=True)
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    route = models.CharField(max_length=64)
    is_trial = models.BooleanField()
    step = models.SmallIntegerField()
    first_tokens = models.PositiveIntegerField()
    durations = models.PositiveIntegerField()
