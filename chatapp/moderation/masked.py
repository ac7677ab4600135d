"""Stored questions and answers as those see them who work on other people's: personal data is masked."""

from dataclasses import dataclass

from chatapp.moderation.checks.examiner import Hit
from chatapp.moderation.marking import find_personal, plain_text, segments_of
from chatapp.moderation.models import Exchange
from chatapp.moderation.personal import find_by_form


@dataclass(frozen=True, slots=True)
class MaskedExchange:
    """`is_searched`: a worker has looked for names too; until then only what has a strict form is masked."""

    question: str
    answer: str
    is_searched: bool


def mask_exchange(exchange: Exchange) -> MaskedExchange:
    return MaskedExchange(
        question=_mask(exchange, "question"),
        answer=_mask(exchange, "answer"),
        is_searched=exchange.personal is not None,
    )


def mask_by_form(text: str) -> str:
    """For words that no worker looks at, such as what an employee writes beside a thumb."""
    return _mask_hits(text, find_by_form(text))


def _mask(exchange: Exchange, part: str) -> str:
    return _mask_hits(getattr(exchange, part), find_personal(exchange, part))


def _mask_hits(text: str, hits: list[Hit]) -> str:
    return plain_text(segments_of(text, marks=[], hits=hits))
