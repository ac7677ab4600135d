"""What became of answers that a candidate wrote unseen, beside those that people got."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from chatapp.inference.models.rollouts import Rollout


class ShadowState(models.TextChoices):
    """`blocked`: a policy took the text away. `skipped`: the machine had no time for it that nobody else needed."""

    WAITING = "waiting"
    COMPLETE = "complete"
    FAILED = "failed"
    BLOCKED = "blocked"
    SKIPPED = "skipped"


class ShadowOutcome(models.Model):
    """One unseen answer of a rollout's candidate; `generation_id` is the answer that the employee got instead.

    It holds no text and outlives the conversation, as AnswerOutcome does, so that deletions change no figures. Written
    `waiting` when the answer has ended, so what is lost on the way is counted too. `first_token_seconds` are counted
    from the prompt on, without search and queue.
    """

    generation_id = models.UUIDField(primary_key=True)
    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="shadows")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=16, choices=ShadowState, default=ShadowState.WAITING)
    error_code = models.CharField(max_length=64, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    first_token_seconds = models.FloatField(null=True)
    duration_seconds = models.FloatField(null=True)
    cited = models.PositiveSmallIntegerField(default=0)
    supported = models.PositiveSmallIntegerField(default=0)
    flags = models.PositiveSmallIntegerField(default=0, help_text="Of checks on the answer's own text.")
    baseline_flags = models.PositiveSmallIntegerField(
        default=0, help_text="Likewise, of the answer that was shown; people's reports are none."
    )
    is_refusal = models.BooleanField(default=False)
    is_cut = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["rollout", "created_at"], name="shadow_of_rollout")]
