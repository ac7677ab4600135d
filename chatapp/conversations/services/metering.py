"""Tokens of an answer: the most that it can use is taken when it is asked for; what it did not use comes back.

The row keeps what was taken until that is settled. Redis settles each answer once, so a second try is harmless; what
could not be settled, as without Redis, the sweeper tries again.
"""

from datetime import timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from chatapp.accounts import limits
from chatapp.accounts.models import ApiKey, User
from chatapp.accounts.services import add_key_usage
from chatapp.conversations.models import LIVE, TRIALS, Conversation, Generation, Status
from chatapp.inference.budgets import require_budget
from chatapp.inference.budgets.services import tell_once

CHARACTERS_PER_TOKEN = 4
SETTLED_AT_ONCE = 500
# Its own process settles an answer at once; the sweeper leaves it that time.
GRACE = timedelta(seconds=10)


def reserve_answer(generation: Generation, *, user: User, key: ApiKey | None, question: str) -> None:
    """Before it is stored. A withheld question costs its request and no tokens.

    Raises ChatappError: rate_limited, tokens_used_up, budget_used_up.
    """
    if generation.status != Status.BLOCKED and generation.message.conversation.origin not in TRIALS:
        reached = require_budget(user=user)
        generation.budget_reached = reached if reached and tell_once(user=user, reached=reached) else None
    tokens = 0 if generation.status == Status.BLOCKED else _most_tokens(generation, question)
    reservation = limits.reserve_question(user=user, key=key, route=generation.route.name, tokens=tokens)
    if reservation is not None:
        generation.tokens_used = reservation.notice
    if reservation is not None and tokens:
        generation.reservation = reservation.as_dict()


def release_answer(generation: Generation) -> None:
    """It could not be stored after all."""
    if generation.reservation is not None:
        limits.release(_reserved(generation), once=str(generation.id))


def settle_answer(generation_id: UUID) -> bool:
    """Idempotent. False when it must be tried again. A live answer keeps what it reserved."""
    unsettled = Generation.objects.filter(id=generation_id, reservation__isnull=False).exclude(status__in=LIVE)
    generation = unsettled.only("reservation", "is_cached", "prompt_tokens", "completion_tokens").first()
    if generation is None:
        return True
    reservation = _reserved(generation)
    used = _used_by(generation)
    if not limits.settle(reservation, used=used, once=str(generation_id)):
        return False
    with transaction.atomic():
        is_first = unsettled.update(reservation=None)
        if is_first and reservation.key_id is not None and used:
            add_key_usage(key_id=reservation.key_id, tokens=used)
    return True


def settle_ended() -> int:
    """What was not settled at its end; returns how many were. Stops at the first that cannot be settled now."""
    ended = Generation.objects.filter(Q(finished_at__lt=Now() - GRACE), reservation__isnull=False)
    settled = 0
    for generation_id in list(ended.exclude(status__in=LIVE).values_list("id", flat=True)[:SETTLED_AT_ONCE]):
        if not settle_answer(generation_id):
            break
        settled += 1
    return settled


def settle_before_deletion(conversation: Conversation) -> None:
    """A running answer keeps all that it reserved: else deleting it in time would make answers free."""
    reserved = Generation.objects.filter(message__conversation=conversation, reservation__isnull=False)
    for generation in reserved.exclude(status=Status.ANSWERING):
        reservation = _reserved(generation)
        used = _used_by(generation)
        settle = partial(limits.settle, reservation, used=used, once=str(generation.id))
        transaction.on_commit(settle)


def _reserved(generation: Generation) -> limits.Reservation:
    return limits.Reservation.from_dict(cast("dict[str, Any]", generation.reservation))


def _used_by(generation: Generation) -> int:
    return 0 if generation.is_cached else generation.prompt_tokens + generation.completion_tokens


def _most_tokens(generation: Generation, question: str) -> int:
    prompt = max(settings.PROMPT_MAX_TOKENS, len(question) // CHARACTERS_PER_TOKEN)
    return int(prompt + generation.max_tokens)
