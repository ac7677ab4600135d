"""What a candidate would have answered, unseen by who asked."""

from django.db import models
from django.db.models.functions import Now

from chatapp.fields import ConfidentialTextField
from chatapp.inference.models import Rollout


class ShadowAnswer(models.Model):
    """The candidate's text beside the answer that `generation` is, cleared by the policies; its figures are with
    ShadowOutcome. It is part of the conversation: gone with it, shown to nobody on the chat page.
    """

    generation = models.OneToOneField("Generation", on_delete=models.CASCADE, related_name="shadow")
    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="+")
    text = ConfidentialTextField()
    created_at = models.DateTimeField(db_default=Now())
