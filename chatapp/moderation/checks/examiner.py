"""A check that looks at whole windows of text, such as a classifier or a service: only in workers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol


class ExaminerError(Exception):
    """The examiner could not look: it is down, over its quota, or answered nonsense. The check's fail rule decides."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Characters [start, end) of one text. `score` is 0 to 1; those below the check's threshold are no findings.

    `label` names what was found, such as PERSON; `mask` stands in its place where the check masks.
    """

    start: int
    end: int
    score: float = 1.0
    mask: str = "[removed]"
    label: str = ""

    def moved(self, by: int) -> "Hit":
        """The same in a text in which this one begins at the offset `by`."""
        return replace(self, start=self.start + by, end=self.end + by)


class Examiner(Protocol):
    """Immutable and cheap to make: the web process makes one to validate a policy. What is heavy loads in `examine`.

    `longest` is how many characters of one text it can see at once; `is_remote` says that the text goes over a network.
    """

    @property
    def longest(self) -> int: ...

    @property
    def is_remote(self) -> bool: ...

    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        """Hits of each text, in their order. A classifier gives its score of every text, however low.

        Thread-safe. Raises ExaminerError.
        """
        ...
