"""Makes a golden question of an answer: its question, and of each passage that it cites the words that it used."""

from collections import defaultdict
from uuid import UUID

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.services import record_event
from chatapp.conversations.models import MessageRole
from chatapp.conversations.selectors import Turn, find_rated_turn, get_turn_for
from chatapp.errors import ChatappError
from chatapp.moderation.selectors import get_feedback_for
from chatapp.retrieval.evaluation import Source as Expected
from chatapp.retrieval.evaluation.quoting import closest_sentence
from chatapp.retrieval.models import Collection, QuestionOrigin
from chatapp.retrieval.services import add_golden_question
from chatapp.text import clean_text


def keep_question(*, user: User, message_id: UUID) -> list[Collection]:
    """Adds it to every collection that the answer cites and the user may edit; returns these.

    The editors of such a collection can then read the question. Raises ChatappError: not_found; nothing_to_keep (the
    answer cites no such collection); question_exists (in each of them already); invalid (too long for one).
    """
    turn = get_turn_for(user, message_id)
    asked = turn.message.parent
    if turn.message.role != MessageRole.ASSISTANT or asked is None:
        raise ChatappError("not_found")
    return _add(user, asked.text, _cited(turn))


def keep_rated_question(*, user: User, feedback_id: UUID, text: str) -> list[Collection]:
    """As `keep_question`, of an answer that an employee rated; `text` is the question as whoever triages words it.

    Only passages of collections that the user may edit count, so nothing is shown that they could not read. Raises
    ChatappError: not_found, answer_gone (its conversation was deleted), message_empty, those of `keep_question`.
    """
    feedback = get_feedback_for(user, feedback_id)
    turn = find_rated_turn(user, feedback)
    if turn is None:
        raise ChatappError("answer_gone")
    if not (cleaned := clean_text(text)):
        raise ChatappError("message_empty")
    with transaction.atomic():
        kept = _add(user, cleaned, _cited(turn))
        names = [collection.slug for collection in kept]
        record_event(actor=user, action="moderation.feedback_kept", obj=feedback, detail={"collections": names})
    return kept


def _cited(turn: Turn) -> dict[Collection, list[Expected]]:
    found: dict[Collection, list[Expected]] = defaultdict(list)
    for source in turn.sources:
        if source.cited and source.is_editable and source.document_version is not None:
            document = source.document_version.document
            found[document.collection].append(Expected(document.name, closest_sentence(source.quote, turn.text)))
    if not found:
        raise ChatappError("nothing_to_keep")
    return found


def _add(user: User, text: str, found: dict[Collection, list[Expected]]) -> list[Collection]:
    added, there = [], None
    for collection, sources in found.items():
        try:
            add_golden_question(
                user=user, collection=collection, text=text, sources=sources, origin=QuestionOrigin.ANSWER
            )
        except ChatappError as error:
            if error.code != "question_exists":
                raise
            there = error
        else:
            added.append(collection)
    if there is not None and not added:
        raise there
    return added
