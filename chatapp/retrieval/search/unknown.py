"""Words of a question that no document has: a small model does not see by itself that they are missing."""

from collections.abc import Sequence

from django.db import connection

from chatapp.accounts.models import User
from chatapp.retrieval.rewriting import names_something
from chatapp.retrieval.search.sql import STANDING

# More are a pasted text; and where half of the words are unknown the question is in another language.
MAX_WORDS = 3
MAX_CHARACTERS = 500


def find_unknown_words(*, user: User, question: str, collections: Sequence[str] | None) -> list[str]:
    """Those that stand in no passage which the user may read now, as they are written; [] where that tells nothing.

    Figures and the words that questions are made of are left out.
    """
    if collections == [] or len(question) > MAX_CHARACTERS:
        return []
    slugs = None if collections is None else [slug for slug in collections if "\x00" not in slug]
    with connection.cursor() as cursor:
        cursor.execute(STANDING, {"user": user.pk, "slugs": slugs, "query": question.replace("\x00", " ")})
        stands = {word: stands for word, stands in cursor.fetchall() if _is_word(word) and names_something(word)}
    unknown = [word for word, is_known in stands.items() if not is_known]
    return unknown if len(unknown) <= MAX_WORDS and 2 * len(unknown) < len(stands) else []


def _is_word(token: str) -> bool:
    """Not a figure, nor a compound, whose parts come by themselves."""
    return token.isalnum() and not token.isdigit()
