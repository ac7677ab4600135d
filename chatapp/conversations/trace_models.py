"""How answers came about."""

from django.db import models
from django.db.models.functions import Now

from chatapp.fields import ConfidentialTextField


class AnswerTrace(models.Model):
    """What `pipeline/tracing.py` saw of one answer, as JSON: ids, numbers and times, no text of anybody.

    It is part of the conversation, and gone with it.
    """

    generation = models.OneToOneField("Generation", primary_key=True, on_delete=models.CASCADE, related_name="trace")
    facts = ConfidentialTextField()
    created_at = models.DateTimeField(db_default=Now())
