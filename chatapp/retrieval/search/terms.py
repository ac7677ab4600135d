"""The query's words: what each is worth, and which of them pick the passages that are ranked."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

# A query's rarest words; a pasted page has more, and its common ones tell nothing.
MAX_TERMS = 24
# Ranking every match of a common word would cost more than all the rest of a search. The hybrid's
# nDCG on three test collections was the same to the third digit with 300, 500 and 1,000.
MAX_RANKED = 300
# Words that are too common to pick passages alone may do so in twos, threes and so on: this many, the rarest of them.
# The index reads all places of such a word, so those that are in more passages than COMMON pick none.
_TOGETHER = 6
COMMON = 10_000


@dataclass(frozen=True, slots=True)
class Term:
    """A lexeme of the query that stands in `passages` of those that its reader may see."""

    lexeme: str
    passages: int
    idf: float


def weigh_terms(frequencies: Sequence[tuple[str, int]], *, readable: int) -> list[Term]:
    """The terms that some passage holds, rarest first, with the inverse document frequency of BM25 as Lucene has it.

    That of Robertson and Zaragoza 2009 (equation 3.1) is negative for a word in more than half of all passages.
    """
    held = sorted((count, lexeme) for lexeme, count in frequencies if count > 0)
    return [
        Term(lexeme, count, math.log1p((max(readable - count, 0) + 0.5) / (count + 0.5)))
        for count, lexeme in held[:MAX_TERMS]
    ]


def pick_passages(terms: Sequence[Term], *, readable: int) -> str:
    """A tsquery for about MAX_RANKED passages at most: those with a rare word, or with several common ones together.

    Counts are exact for one word; for several they assume that words are independent. '' when all words are too common:
    then only vectors pick passages, and the words count in their order.
    """
    picked = list[tuple[Term, ...]]()
    room = float(MAX_RANKED)
    for together, expected in _choices(terms, readable=readable):
        if expected <= room and not any(set(known) <= set(together) for known in picked):
            picked.append(together)
            room -= expected
    return " | ".join(" & ".join(quote(term.lexeme) for term in together) for together in picked)


def _choices(terms: Sequence[Term], *, readable: int) -> Iterator[tuple[tuple[Term, ...], float]]:
    """Single words by rising frequency; then pairs, threes and so on of the rarest that are too common alone."""
    yield from (((term,), float(term.passages)) for term in terms)
    common = [term for term in terms if MAX_RANKED // 4 < term.passages <= COMMON][:_TOGETHER]
    for size in range(2, len(common) + 1):
        groups = (
            (group, math.prod(term.passages / readable for term in group) * readable)
            for group in combinations(common, size)
        )
        yield from sorted(groups, key=lambda choice: choice[1])


def quote(lexeme: str) -> str:
    """As the syntax of tsquery wants it: quotes and backslashes doubled."""
    doubled = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
