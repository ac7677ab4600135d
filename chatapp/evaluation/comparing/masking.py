"""Pairs made of conversations, without the personal data in them. Only in workers: it loads the model for names."""

from chatapp.evaluation.models import ComparisonPair
from chatapp.evaluation.selectors import find_exchange_of
from chatapp.moderation.personal import find_personal_data, mask_personal_data


def mask_pair(pair: ComparisonPair) -> tuple[str, str, str] | None:
    """Question, the baseline's answer and the candidate's; None when any of them is gone. Raises ExaminerError."""
    exchange = find_exchange_of(pair.shadow) if pair.shadow else None
    texts = [exchange.question, exchange.answer, pair.shadow.text] if exchange and pair.shadow else []
    if not texts or not all(texts):
        return None
    question, first, second = map(mask_personal_data, texts, find_personal_data(texts))
    return question, first, second
