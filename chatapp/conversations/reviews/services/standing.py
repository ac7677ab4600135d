"""Brings an answer and its question to how they stand under the decisions that hold: idempotent, and undone alike."""

from functools import partial
from uuid import UUID

from django.db import transaction

from chatapp.conversations import events
from chatapp.conversations.models import (
    CachedAnswer,
    Conversation,
    ConversationSummary,
    Generation,
    Message,
    Source,
    Status,
    TitledBy,
)
from chatapp.conversations.offsets import carry
from chatapp.conversations.review_models import ReviewedMessage
from chatapp.conversations.reviews.texts import Standing, mask, stand
from chatapp.conversations.services.conversations import title_of
from chatapp.moderation.models import Exchange
from chatapp.moderation.selectors import effects_on_answer, effects_on_question
from chatapp.moderation.services import replace_answer
from chatapp.moderation.texts import MASK_TEXT, RETRACTED_TEXT

GONE = "gone"


def show_as_reviewed(exchange_id: UUID) -> str:
    """Returns how the answer stands now: a Status, or GONE when its conversation was deleted meanwhile.

    Called in the transaction of the decision. The exchange is changed also when the answer is gone. Open pages fetch
    the thread anew.
    """
    generation = (
        Generation.objects.select_for_update(of=("self", "message"))
        .select_related("message__conversation")
        .filter(id=exchange_id)
        .first()
    )
    exchange = Exchange.objects.get(pk=exchange_id)
    if generation is None:
        _show(exchange, _of_exchange(exchange), written=exchange.original or exchange.answer)
        return GONE
    conversation = generation.message.conversation
    transaction.on_commit(partial(events.turns_changed, conversation.owner_id, conversation.pk))
    status = _show_answer(exchange, generation)
    if generation.message.parent_id is not None:
        _show_question(generation.message.parent_id)
    return status


def _show(exchange: Exchange, before: Standing, *, written: str) -> Standing:
    """How the answer stands now; the exchange follows. What the model wrote stays with it while it is not all shown."""
    now = stand(before, effects_on_answer(exchange.pk), written=written)
    original = written if before.is_hidden or now.text != written else ""
    if (now.text, original) != (exchange.answer, exchange.original):
        replace_answer(generation_id=exchange.pk, answer=now.text, original=original)
    return now


def _show_answer(exchange: Exchange, generation: Generation) -> str:
    message = generation.message
    row = ReviewedMessage.objects.filter(message=message).first()
    shown = Standing(
        message.text, generation.status, generation.finish_reason, tuple(message.weak_citations), _cited(message)
    )
    before = shown if row is None else _before(row, exchange)
    now = _show(exchange, before, written=exchange.original if row or shown.is_hidden else message.text)
    if now == shown:
        return now.status
    _keep(message, before, now, row)
    Message.objects.filter(pk=message.pk).update(text=now.text, weak_citations=list(now.weak_citations))
    Generation.objects.filter(pk=generation.pk).update(status=now.status, finish_reason=now.finish_reason)
    sources = Source.objects.filter(message=message)
    sources.update(cited=False)
    sources.filter(n__in=now.cited).update(cited=True)
    CachedAnswer.objects.filter(message=message).delete()
    transaction.on_commit(partial(events.discard_stream, generation.pk))
    _forget_retellings(message)
    return now.status


def _show_question(question_id: UUID) -> None:
    question = Message.objects.select_for_update(of=("self",)).select_related("conversation").get(pk=question_id)
    answers = list(Generation.objects.filter(message__parent=question).values_list("pk", flat=True))
    row = ReviewedMessage.objects.filter(message=question).first()
    effects = effects_on_question(answers)
    if row is None and not effects:
        return
    before = Standing(row.text if row else question.text, "", "")
    spans = [span for effect in effects for span in carry(effect.spans, before=effect.text, after=before.text)]
    now = mask(before, spans)
    if now.text == question.text:
        return
    _keep(question, before, now, row, text=before.text)
    Message.objects.filter(pk=question.pk).update(text=now.text)
    _title_anew(question, now.text)
    _forget_retellings(question)


def _keep(message: Message, before: Standing, now: Standing, row: ReviewedMessage | None, *, text: str = "") -> None:
    if now == before:
        ReviewedMessage.objects.filter(message=message).delete()
    elif row is None:
        ReviewedMessage.objects.create(
            message=message,
            text=text or (before.text if before.is_hidden else ""),
            status=before.status,
            finish_reason=before.finish_reason,
            weak_citations=list(before.weak_citations),
            cited=sorted(before.cited),
        )
    else:
        row.save(update_fields=["changed_at"])


def _before(row: ReviewedMessage, exchange: Exchange) -> Standing:
    return Standing(
        row.text or exchange.original, row.status, row.finish_reason, tuple(row.weak_citations), frozenset(row.cited)
    )


def _of_exchange(exchange: Exchange) -> Standing:
    """What is known of an answer that is gone."""
    by_review = exchange.answer == RETRACTED_TEXT or MASK_TEXT in exchange.answer
    is_hidden = bool(exchange.original) and exchange.answer != exchange.original and not by_review
    text = exchange.answer if is_hidden else exchange.original or exchange.answer
    return Standing(text, Status.BLOCKED if is_hidden else Status.COMPLETE, "")


def _cited(message: Message) -> frozenset[int]:
    return frozenset(Source.objects.filter(message=message, cited=True).values_list("n", flat=True))


def _title_anew(question: Message, text: str) -> None:
    """A title that was made of the question is made of what it says now."""
    conversation = question.conversation
    if question.parent_id is None and conversation.titled_by != TitledBy.PERSON:
        Conversation.objects.filter(pk=conversation.pk).update(title=title_of(text), titled_by=TitledBy.QUESTION)
        transaction.on_commit(partial(events.reload_list, conversation.owner_id))


def _forget_retellings(message: Message) -> None:
    """Summaries that may tell of it: those up to it, or up to something later. Open pages fetch the thread anew."""
    conversation = message.conversation
    later = ConversationSummary.objects.filter(
        upto__conversation=conversation, upto__created_at__gte=message.created_at
    )
    later.delete()
    transaction.on_commit(partial(events.turns_changed, conversation.owner_id, conversation.pk))
