"""Makes of a question in a conversation the queries that search understands without the conversation."""

import re
from collections.abc import Sequence

from chatapp.retrieval.sentences import words_in

MAX_EARLIER = 2
MAX_CHARACTERS = 2_000
_OPENING = re.compile(
    r"\s*(?:and|but|or|also|so|then|what about|how about|same|why(?: not)?|really|more|again|else|otherwise)\b",
    re.IGNORECASE,
)
# What stands for something that was named before.
_POINTING = frozenset(
    [
        *("it", "its", "they", "them", "their", "theirs", "he", "him", "his", "she", "her", "hers"),
        *("this", "that", "these", "those", "there", "one", "ones", "both", "former", "latter", "such", "above"),
    ]
)
# A question of these words alone names nothing: it asks about what was named before.
_EMPTY_WORDS = """
a all am an any are as at be been before after between by can could day days did do does else ever exactly far few for
from had has have hello hi how i if in is least less long longer many may maximum maybe me might minimum month more most
much must my need no not of often old on only or ok okay our per please possible precisely should since so soon still
than thank thanks the then time times to too under until up us was we week weeks were what when where which while who
whom whose why will with without would year years yes you your
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


def rewrite_query(question: str, earlier: Sequence[str]) -> list[str]:
    """Queries in the order in which to try them; the first that finds something is the best guess.

    `earlier` are the questions asked before, oldest first. A follow-up such as "and for part-timers?" is read together
    with the question that it follows; any other question first by itself.
    """
    before = [text.strip() for text in earlier if names_something(text)]
    if not before:
        return [question]
    together = " ".join([*_topics(before), question])[-MAX_CHARACTERS:]
    return [together, question] if is_follow_up(question) else [question, together]


def is_follow_up(question: str) -> bool:
    """Whether the question leans on what was asked before: by how it opens, by a pronoun, or by naming nothing."""
    return bool(_OPENING.match(question)) or bool(_POINTING & set(words_in(question))) or not names_something(question)


def _topics(before: Sequence[str]) -> list[str]:
    """The last question that stands by itself, and the follow-ups since, as far as they are remembered."""
    recent: list[str] = []
    for text in reversed(before[-MAX_EARLIER:]):
        recent.insert(0, text)
        if not is_follow_up(text):
            break
    return recent


def names_something(text: str) -> bool:
    """Whether there is more in it than what questions are made of."""
    return bool(set(words_in(text)) - _EMPTY) or any(character.isdigit() for character in text)
