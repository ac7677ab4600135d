"""The only way to a conversation from outside the app. Each function takes the user whose rights count."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.conversations.models import CachedAnswer, Conversation, Generation, Message, Origin, Source, Status
from chatapp.conversations.pilots import pilots_of
from chatapp.conversations.queue import QueuePlace, find_places
from chatapp.errors import ChatappError
from chatapp.inference.models import AnswerOutcome
from chatapp.moderation.models import Feedback, Flag, FlagSource
from chatapp.moderation.selectors import list_own_ratings, list_own_requests
from chatapp.retrieval.selectors import list_collections_for, list_editable_collections_for

RATED = (Status.COMPLETE, Status.STOPPED, Status.INTERRUPTED)
_CITATION = re.compile(r"\[([0-9]{1,3})\]")
_OF_A_TURN = ("generation__version", "generation__fallback_from", "generation__route", "generation__summary")


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One message as a page shows it. `siblings` are the ids of its versions, oldest first, its own among them.

    `may_rate`: it is an answer that its reader can give a thumb; `is_liked` tells which way theirs points, if any.
    `report` and `appeal` are what its reader has asked of reviewers.
    """

    message: Message
    generation: Generation | None
    sources: list[Source]
    siblings: list[UUID]
    queue: QueuePlace | None
    may_rate: bool = False
    is_liked: bool | None = None
    report: Flag | None = None
    appeal: Flag | None = None
    pilot: str = ""  # The candidate that answered, for a reader who asked to try new models first.

    @property
    def text(self) -> str:
        if self.generation is not None and self.generation.is_live:
            return self.generation.checkpoint
        return self.message.text


def list_conversations_for(user: User, *, before: datetime | None = None) -> QuerySet[Conversation]:
    """Those of pages, of any time or last changed before one; temporary ones are in no list."""
    kept = Conversation.objects.filter(owner=user, origin=Origin.PAGE, expires_at=None, deleted_at=None)
    kept = kept.filter(updated_at__lt=before) if before else kept
    return kept.order_by("-updated_at", "-id")


def get_conversation_for(user: User, conversation_id: UUID) -> Conversation:
    """Raises ChatappError("not_found") for what is not the user's, as for what never existed."""
    conversation = Conversation.objects.filter(owner=user, id=conversation_id, deleted_at=None).first()
    if conversation is None:
        raise ChatappError("not_found")
    return conversation


def list_generations_for(user: User) -> QuerySet[Generation]:
    """With `cost`, once the answer has ended."""
    outcome = AnswerOutcome.objects.filter(generation_id=OuterRef("pk"))
    return (
        Generation.objects.filter(user=user, message__conversation__deleted_at=None)
        .select_related("message", "version", "route", "fallback_from")
        .annotate(cost=Subquery(outcome.values("cost")))
        .order_by("-created_at", "-id")
    )


def get_generation_for(user: User, generation_id: UUID) -> Generation:
    """Raises ChatappError("not_found")."""
    generation = list_generations_for(user).filter(id=generation_id).first()
    if generation is None:
        raise ChatappError("not_found")
    return generation


def list_messages_for(user: User) -> QuerySet[Message]:
    own = Message.objects.filter(conversation__owner=user, conversation__deleted_at=None)
    return own.select_related("generation").order_by("-created_at", "-id")


def get_thread_for(user: User, conversation_id: UUID, leaf_id: UUID | None = None) -> list[Turn]:
    """The branch that ends at the newest message under `leaf_id`, or at the newest message of all, root first.

    Raises ChatappError("not_found") when the conversation or the leaf is not the user's.
    """
    own = Message.objects.filter(
        conversation_id=conversation_id, conversation__owner=user, conversation__deleted_at=None
    )
    messages = {message.id: message for message in own.select_related(*_OF_A_TURN, "conversation")}
    if not messages:
        get_conversation_for(user, conversation_id)
        return []
    children: dict[UUID | None, list[UUID]] = defaultdict(list)
    for message in messages.values():
        children[message.parent_id].append(message.id)
    if leaf_id is not None and leaf_id not in messages:
        raise ChatappError("not_found")
    at: UUID | None = leaf_id or next(reversed(messages))
    while at is not None and children[at]:
        at = children[at][-1]
    path: list[Message] = []
    while at is not None:
        path.append(messages[at])
        at = messages[at].parent_id
    return _turns(user, path[::-1], children)


def get_turn_for(user: User, message_id: UUID) -> Turn:
    """Raises ChatappError("not_found")."""
    messages = Message.objects.select_related(*_OF_A_TURN, "conversation")
    own = messages.filter(conversation__owner=user, conversation__deleted_at=None)
    message = own.filter(id=message_id).first()
    if message is None:
        raise ChatappError("not_found")
    siblings = Message.objects.filter(conversation_id=message.conversation_id, parent_id=message.parent_id)
    return _turns(user, [message], {message.parent_id: list(siblings.values_list("id", flat=True))})[0]


def weak_sources(message: Message) -> set[int]:
    """Numbers of the sources that do not bear out a sentence which cites them."""
    found = (_CITATION.match(message.text, offset) for offset in message.weak_citations)
    return {int(citation[1]) for citation in found if citation}


def find_cached_answer(key: str) -> CachedAnswer | None:
    """With its message, generation and sources. The key says whose rights count: see pipeline/cache.py."""
    young = Now() - timedelta(hours=settings.ANSWER_CACHE_HOURS)
    standing = CachedAnswer.objects.filter(created_at__gt=young, message__generation__status=Status.COMPLETE)
    answers = standing.select_related("message__generation").prefetch_related("message__sources")
    return answers.filter(key=key).first()


def is_regenerated(generation: Generation) -> bool:
    """Whether the same question has another answer already."""
    siblings = Message.objects.filter(
        parent_id=generation.message.parent_id, conversation_id=generation.message.conversation_id
    )
    return siblings.exclude(id=generation.message_id).exists()


def get_answered(generation_id: UUID) -> Generation | None:
    """For side work: a complete answer with all that is asked of it; None when it is none, any more.

    Nothing is written for a closed account.
    """
    parts = ("message__parent", "message__conversation", "version", "user")
    complete = Generation.objects.filter(id=generation_id, status=Status.COMPLETE, user__is_active=True)
    return complete.select_related(*parts).first()


def is_followed(generation: Generation) -> bool:
    """Whether the conversation has gone on below the answer."""
    return Message.objects.filter(parent_id=generation.message_id).exists()


def list_path(message: Message) -> list[Message]:
    """From the conversation's first message to this one, with generations and summaries; [] when it was deleted.

    For workers: whoever may ask below a message may have all that is above it in the prompt.
    """
    of_conversation = Message.objects.filter(conversation_id=message.conversation_id)
    messages = {found.id: found for found in of_conversation.select_related("generation", "summary")}
    path: list[Message] = []
    at = messages.get(message.id)
    while at is not None:
        path.append(at)
        at = messages[at.parent_id] if at.parent_id else None
    return path[::-1]


def load_live_states(generation_ids: Sequence[UUID]) -> dict[UUID, tuple[Generation, QueuePlace | None]]:
    """For the hub, whose callers have checked their rights: states of answers, without those that are gone."""
    columns = ("status", "attempt", "checkpoint", "checkpoint_seq")
    found = list(Generation.objects.filter(id__in=generation_ids).only(*columns))
    places = find_places([generation.id for generation in found if generation.status == Status.QUEUED])
    return {generation.id: (generation, places.get(generation.id)) for generation in found}


def _turns(user: User, path: list[Message], children: dict[UUID | None, list[UUID]]) -> list[Turn]:
    runs: dict[UUID, Generation] = {
        message.id: message.generation for message in path if hasattr(message, "generation")
    }
    places = find_places([run.id for run in runs.values() if run.status == Status.QUEUED])
    sources: dict[UUID, list[Source]] = defaultdict(list)
    claimed = [run.message_id for run in runs.values() if run.status != Status.QUEUED]
    if claimed:
        readable, editable = (
            Exists(collections.filter(pk=OuterRef("document_version__document__collection")))
            for collections in (list_collections_for(user), list_editable_collections_for(user))
        )
        found = Source.objects.filter(message__in=claimed).annotate(readable=readable, editable=editable)
        for source in found.select_related("document_version", "chunk"):
            source.is_readable, source.is_editable = source.readable, source.editable
            sources[source.message_id].append(source)
    ratings = _ratings(user, path, runs)
    pilots = pilots_of(user, runs)
    asked = list_own_requests(user, {run.id: message_id for message_id, run in runs.items() if not run.is_live})
    return [
        Turn(
            message=message,
            generation=runs.get(message.id),
            sources=sources[message.id],
            siblings=children[message.parent_id],
            queue=places.get(runs[message.id].id) if message.id in runs else None,
            may_rate=message.id in ratings,
            is_liked=ratings.get(message.id),
            report=asked.get((message.id, FlagSource.REPORT)),
            appeal=asked.get((message.id, FlagSource.APPEAL)),
            pilot=pilots.get(message.id, ""),
        )
        for message in path
    ]


def _ratings(user: User, path: list[Message], runs: dict[UUID, Generation]) -> dict[UUID, bool | None]:
    """By message, of answers that were read and are no policy's words; a temporary conversation leaves no thumb."""
    of_read = {
        runs[message.id].id: message.id
        for message in path
        if message.id in runs and runs[message.id].status in RATED and message.text
    }
    if not of_read or path[0].conversation.is_temporary:
        return {}
    return {of_read[answer]: is_liked for answer, is_liked in list_own_ratings(user, of_read).items()}


def find_rated_turn(user: User, feedback: Feedback) -> Turn | None:
    """The rated answer with its sources, as far as the user may read these; None when its conversation is gone.

    Only for `user`s who triage: the caller has asked.
    """
    answers = Message.objects.select_related(*_OF_A_TURN, "conversation", "parent")
    message = answers.filter(generation=feedback.exchange_id, conversation__deleted_at=None).first()
    return _turns(user, [message], {message.parent_id: [message.id]})[0] if message else None
