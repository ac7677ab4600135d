"""Fills the queue without the way over services, for tests that need many rows."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Conversation, Generation, Message, MessageRole
from chatapp.conversations.queue import claim_next
from chatapp.inference.models import AnswerOutcome, ModelVersion, Route, Worker, WorkerKind

HOUR = timedelta(hours=1)


def queue_for(user: User, count: int = 1, **columns: Any) -> list[Generation]:
    """`count` waiting answers of the user, oldest first, each in a conversation of its own."""
    conversations = Conversation.objects.bulk_create(Conversation(owner=user) for _ in range(count))
    answers = Message.objects.bulk_create(
        Message(conversation=conversation, role=MessageRole.ASSISTANT) for conversation in conversations
    )
    given = {"route_id": Route.DEFAULT, "max_tokens": 10, "deadline_at": Now() + HOUR, **columns}
    now = timezone.now()
    return Generation.objects.bulk_create(
        Generation(message=answer, user=user, **{"created_at": now + timedelta(microseconds=number), **given})
        for number, answer in enumerate(answers)
    )


def claim_any(worker: str = "w") -> Generation | None:
    """By a worker that serves everything."""
    return claim_next(worker=worker, version_ids=list(ModelVersion.objects.values_list("id", flat=True)))


def claim_all() -> list[Generation]:
    return list(iter(claim_any, None))


def serve(*versions: ModelVersion, name: str = "w", slots: int = 4, busy: int = 0) -> Worker:
    """A live worker that says that it serves these."""
    now = timezone.now()
    worker = Worker.objects.create(
        name=name, kind=WorkerKind.INFERENCE, started_at=now, seen_at=Now(), ready=True, slots=slots, busy=busy
    )
    worker.serves.set(versions)
    return worker


def took(seconds: float, generation: Generation, **columns: Any) -> AnswerOutcome:
    """An answer of the past that took that long."""
    return AnswerOutcome.objects.create(
        generation_id=generation.id, status="complete", duration_seconds=seconds, **columns
    )


def renew_lease(generation: Generation, *, text: str, seq: int, first_token_at: datetime | None) -> bool | None:
    """One lease, as a worker's keeper does. Whether a stop was asked for; None when the lease is lost."""
    checkpoint = services.Checkpoint(generation, text, seq, first_token_at)
    return services.renew_leases([checkpoint]).get(generation.id)
