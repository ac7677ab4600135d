import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

import chatapp.conversations.reading_models
import chatapp.conversations.review_models
import chatapp.conversations.shadow_models
import chatapp.conversations.trace_models  # noqa: F401 (Django looks for models here only)
from chatapp.fields import ConfidentialTextField
from chatapp.inference.models import ModelVersion, Route, RouteRule
from chatapp.retrieval.models import Chunk, DocumentVersion

if TYPE_CHECKING:
    from chatapp.accounts.limits import TokensUsed
    from chatapp.inference.budgets import BudgetReached


class Origin(models.TextChoices):
    """`triage`: a rated question that who triages asked again; `trial`: asked of a version to measure or compare it.

    Both are in no list of conversations, and rollouts, alerts and budgets leave them out; see `services.ask_trial`.
    """

    PAGE = "page"
    API = "api"
    TRIAGE = "triage"
    TRIAL = "trial"


TRIALS = (Origin.TRIAGE, Origin.TRIAL)  # Asked by nobody who needs the answer.


class TitledBy(models.TextChoices):
    QUESTION = "question"
    MODEL = "model"
    PERSON = "person"


class Conversation(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations")
    title = ConfidentialTextField(blank=True)
    titled_by = models.CharField(max_length=8, choices=TitledBy, default=TitledBy.QUESTION)
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.PAGE)
    route = models.ForeignKey(Route, null=True, on_delete=models.SET_NULL, related_name="+")
    choice = models.CharField(max_length=32, blank=True, help_text="What the owner chose, such as fast.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, help_text="Set: a temporary one, deleted then or when it is closed.")
    deleted_at = models.DateTimeField(null=True, help_text="Set: deleted by its owner, and kept for a legal hold.")

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-updated_at"], name="conversation_of_owner"),
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="conversation_temporary"),
            models.Index(fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="conversation_held"),
        ]

    @property
    def is_temporary(self) -> bool:
        return self.expires_at is not None


class MessageRole(models.TextChoices):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Message(models.Model):
    """A node of the conversation's tree; siblings are edits of a question or other answers to it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    role = models.CharField(max_length=16, choices=MessageRole)
    text = ConfidentialTextField(blank=True)
    weak_citations = models.JSONField(
        default=list, blank=True, help_text="Offsets in the text of citations that their source does not bear out."
    )
    created_at = models.DateTimeField(db_default=Now(), help_text="By the database's clock: it orders the branches.")

    class Meta:
        ordering = ["created_at", "id"]


class Status(models.TextChoices):
    QUEUED = "queued"
    ANSWERING = "answering"
    COMPLETE = "complete"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    BLOCKED = "blocked"
    RETRACTED = "retracted"


class Priority(models.IntegerChoices):
    """Lower is served first, whatever waits behind it."""

    INTERACTIVE = 0
    API = 1
    BATCH = 2


LIVE = (Status.QUEUED, Status.ANSWERING)
NO_MODEL = "no_model"  # The error code of an answer that no version of its route could give.


class Generation(models.Model):
    """One run that fills one assistant message, and the queue of record: a row that is `queued` is work.

    `attempt` fences: only the worker that claimed the current attempt may write. `checkpoint` is text that
    was shown, up to and including stream entry `checkpoint_seq`; the terminal commit moves it to the message.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="generation")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="generations")
    route = models.ForeignKey(Route, on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="generations")
    rule = models.ForeignKey(RouteRule, null=True, on_delete=models.SET_NULL, related_name="+")
    rollout = models.ForeignKey(
        "inference.Rollout",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="That ran on the route when it was asked: `draw` is of the user and it.",
    )
    draw = models.PositiveSmallIntegerField(default=0, help_text="0 to 9,999, of the user: decides between arms.")
    fallback_from = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="+")
    is_pinned = models.BooleanField(default=False, help_text="The caller named the version: no other may answer.")
    is_cached = models.BooleanField(default=False)
    summary = models.ForeignKey(
        "ConversationSummary",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="What stood in the prompt for the older messages; null when they were in it themselves.",
    )
    policy_version = models.CharField(max_length=300, blank=True)
    collections = models.JSONField(null=True, help_text="Slugs to retrieve from; null: all that the user may read.")
    max_tokens = models.PositiveIntegerField()
    sampling = models.JSONField(default=dict)
    stop = models.JSONField(default=list)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.INTERACTIVE)
    follows = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The answer above the question, when it was still live: it must end before this one is claimed.",
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    losses = models.PositiveSmallIntegerField(default=0, help_text="Attempts whose worker was lost.")
    seat = models.PositiveSmallIntegerField(
        null=True, help_text="1 to USER_CONCURRENT_ANSWERS: which of the user's answers that may run at once this is."
    )
    lease_owner = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True)
    stop_requested = models.BooleanField(default=False)
    checkpoint = ConfidentialTextField(blank=True)
    checkpoint_seq = models.PositiveIntegerField(default=0)
    finish_reason = models.CharField(max_length=32, blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    input_verdicts = models.JSONField(default=list)
    reservation = models.JSONField(null=True, help_text="Tokens taken beforehand; null once they are settled.")
    # Known only where the answer was just asked for: that the asker's tokens are nearly used up.
    tokens_used: "TokensUsed | None" = None
    # Likewise: that most of a budget is used, the first time in its period.
    budget_reached: "BudgetReached | None" = None
    created_at = models.DateTimeField(db_default=Now(), help_text="By the database's clock, as the deadline is.")
    deadline_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    first_token_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["priority", "created_at"], condition=Q(status="queued"), name="generation_queue"),
            models.Index(fields=["lease_until"], condition=Q(status="answering"), name="generation_leases"),
            models.Index(fields=["user", "-created_at"], name="generation_of_user"),
            models.Index(fields=["finished_at"], condition=Q(reservation__isnull=False), name="generation_unsettled"),
            models.Index(
                fields=["user", "claimed_at"], condition=Q(claimed_at__isnull=False), name="generation_served"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "seat"], condition=Q(status="answering"), name="one_answer_per_seat"
            ),
        ]

    @property
    def is_live(self) -> bool:
        return self.status in LIVE


class ConversationSummary(models.Model):
    """What was said up to and including message `upto`, in short, for prompts; the messages themselves stay."""

    upto = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="summary")
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    text = ConfidentialTextField()
    created_at = models.DateTimeField(auto_now_add=True)


class CachedAnswer(models.Model):
    """Points at an answer that may be given again. `key` is a hash of all that made it; see pipeline/cache.py.

    It holds no text of its own, so what is deleted or taken back there is gone here.
    """

    key = models.CharField(max_length=64, primary_key=True)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)


class Source(models.Model):
    """A passage that was given to the model for one answer; `cited` once a sentence of the answer rests on it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="sources")
    n = models.PositiveSmallIntegerField()
    document_version = models.ForeignKey(DocumentVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    chunk = models.ForeignKey(Chunk, null=True, on_delete=models.SET_NULL, related_name="+")
    document_name = models.CharField(max_length=255)
    page = models.PositiveIntegerField(null=True)
    quote = ConfidentialTextField()
    cited = models.BooleanField(default=False)
    # Known only where sources are loaded for a reader: that they may read the document now.
    is_readable: bool = False
    is_editable: bool = False  # Likewise: that they may edit its collection.

    class Meta:
        ordering = ["n"]
        constraints = [models.UniqueConstraint(fields=["message", "n"], name="one_source_per_number")]
