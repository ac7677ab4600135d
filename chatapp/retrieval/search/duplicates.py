"""Passages that say the same as a better one: the same paragraph in two documents, or in two drafts of one."""

import re
from collections.abc import Iterator, Sequence

from chatapp.retrieval.search.passages import Candidate, Passage

SAME_WORDS = 0.9
# Texts so alike are about as near to any query. It spares most comparisons.
_SAME_SIMILARITY = 0.05
# What turns a sentence into its opposite, or a rule into another one, is no small difference.
_TURNS = frozenset({"not", "no", "never", "none", "without", "except", "unless", "cannot", "nor", "neither"})
_WORD = re.compile(r"\w+")


def drop_duplicates(candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Passage | None]]:
    """Each with the better passage that says the same, or None. `candidates` come best first."""
    kept = list[tuple[Passage, list[str]]]()
    for candidate in candidates:
        passage = candidate.passage
        words = _words(passage)
        twin = next((other for other, known in kept if _are_twins(passage, other, words, known)), None)
        if twin is None:
            kept.append((passage, words))
        yield candidate, twin


def _words(passage: Passage) -> list[str]:
    """The headings count: "Ask your manager." means one thing under "Sick leave" and another under "Parental leave"."""
    return _WORD.findall(f"{passage.heading} {passage.text}".casefold())


def _are_twins(one: Passage, other: Passage, words: list[str], known: list[str]) -> bool:
    if words == known:
        return True
    if abs(one.similarity - other.similarity) > _SAME_SIMILARITY:
        return False
    mine, theirs = set(words), set(known)
    if len(mine & theirs) < SAME_WORDS * len(mine | theirs):
        return False
    differing = mine ^ theirs
    return not (differing & _TURNS) and not any(character.isdigit() for word in differing for character in word)
