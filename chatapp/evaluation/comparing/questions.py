"""What the two versions of a comparison are asked."""

from collections.abc import Sequence

from chatapp.accounts.models import User
from chatapp.conversations.shadow_models import ShadowAnswer
from chatapp.errors import ChatappError
from chatapp.evaluation.models import Comparison, QuestionsFrom
from chatapp.evaluation.selectors import list_shadow_answers_of
from chatapp.retrieval.selectors import list_golden_questions_for
from chatapp.text import clean_text

MOST_PAIRS = 200
MAX_CHARACTERS = 4_000


def list_questions(comparison: Comparison, *, user: User, typed: Sequence[str], most: int) -> list[str]:
    """Golden ones only of a collection that the user may edit, as elsewhere. Raises ChatappError("invalid")."""
    if comparison.questions_from == QuestionsFrom.GOLDEN:
        if comparison.collection is None:
            raise ChatappError("invalid", detail="golden questions are of a collection: name it.")
        golden = list_golden_questions_for(user, comparison.collection).filter(is_active=True)
        return list(golden.values_list("text", flat=True)[:most])
    if len(typed) > MOST_PAIRS or any(len(text) > MAX_CHARACTERS for text in typed):
        detail = f"at most {MOST_PAIRS} questions of at most {MAX_CHARACTERS:,} characters are asked."
        raise ChatappError("invalid", detail=detail)
    cleaned = (clean_text(text) for text in typed)
    return list(dict.fromkeys(text for text in cleaned if text))[:most]


def list_shadow_answers(comparison: Comparison, *, most: int) -> list[ShadowAnswer]:
    """The newest of its rollout, whose conversations are still there."""
    return [] if comparison.rollout is None else list(list_shadow_answers_of(comparison.rollout)[:most])
