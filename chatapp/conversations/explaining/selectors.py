"""What is known of how an answer came about, as far as its reader may know it."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.conversations.models import Generation, MessageRole
from chatapp.conversations.pipeline.prompts import read_history
from chatapp.conversations.selectors import get_generation_for
from chatapp.conversations.trace_models import AnswerTrace
from chatapp.errors import ChatappError
from chatapp.moderation.models import Verdict
from chatapp.moderation.selectors import list_verdicts_of
from chatapp.retrieval.rewriting import rewrite_query
from chatapp.retrieval.search import count_withheld
from chatapp.retrieval.selectors import list_documents_for

_PARTS = ("message__conversation", "version", "fallback_from", "route", "rule", "rollout")


@dataclass(frozen=True, kw_only=True)
class Why:
    """`facts` are the tracer's, empty where none were kept. `names` are of documents that the reader may read now.

    `query` is what was searched for, only for who asked; `withheld` the passages that they may not read, only for
    operators.
    """

    generation: Generation
    facts: dict[str, Any]
    names: dict[str, str]
    verdicts: list[Verdict]
    is_own: bool = False
    query: str = ""
    withheld: int | None = None
    search: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "search", self.facts.get("search") or {})


def explain_own_answer(user: User, generation_id: UUID) -> Why:
    """Raises ChatappError("not_found") for what is not the user's."""
    own = get_generation_for(user, generation_id)
    generation = Generation.objects.select_related(*_PARTS).get(pk=own.pk)
    return _why(generation, user, is_own=True)


def may_explain(user: User, generation_id: UUID) -> bool:
    """Whether `explain_answer_for` would."""
    return can(user, "inference.view_version") and _kept().filter(pk=generation_id).exists()


def explain_answer_for(user: User, generation_id: UUID) -> Why:
    """Anybody's answer, for those who operate models. Of temporary chats nothing is told.

    Raises ChatappError("not_found").
    """
    answers = _kept().select_related(*_PARTS, "user").filter(pk=generation_id)
    generation = answers.first() if can(user, "inference.view_version") else None
    if generation is None:
        raise ChatappError("not_found")
    return _why(generation, user, withheld=count_withheld(generation.user))


def _kept() -> QuerySet[Generation]:
    return Generation.objects.filter(message__conversation__deleted_at=None, message__conversation__expires_at=None)


def _why(generation: Generation, reader: User, *, is_own: bool = False, withheld: int | None = None) -> Why:
    stored = AnswerTrace.objects.filter(generation=generation).first()
    facts = json.loads(stored.facts) if stored else {}
    ids = {row["document"] for row in (facts.get("search") or {}).get("passages", ())}
    readable = list_documents_for(reader).filter(pk__in=ids).values_list("pk", "name") if ids else ()
    names = {str(document_id): name for document_id, name in readable}
    return Why(
        generation=generation,
        facts=facts,
        names=names,
        verdicts=list_verdicts_of(reader, generation.pk),
        is_own=is_own,
        query=_query(generation, tried=facts.get("queries", 0)) if is_own else "",
        withheld=withheld,
    )


def _query(generation: Generation, *, tried: int) -> str:
    """Worked out again, of the conversation as it stands now."""
    texts = [message.text for message in read_history(generation).messages if message.role == MessageRole.USER]
    if not texts or not tried:
        return ""
    *earlier, question = texts
    return rewrite_query(question, earlier)[:tried][-1]
