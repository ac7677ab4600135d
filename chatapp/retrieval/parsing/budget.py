"""What one upload may hold in all, together with the files inside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from chatapp.retrieval.parsing import ParsingError, Reason
from chatapp.retrieval.parsing.limits import ARCHIVE_BYTES, ARCHIVE_ENTRIES, MAX_CHARACTERS, MAX_PAGES, OCR_PAGES


class BudgetSpentError(ParsingError):
    """The upload as a whole is too large, not only a file inside it."""

    def __init__(self) -> None:
        super().__init__(Reason.TOO_LARGE)


@dataclass(slots=True)
class Budget:
    """Each `spend_` raises BudgetSpentError once more than is left was asked for."""

    unpacked: int = ARCHIVE_BYTES
    entries: int = ARCHIVE_ENTRIES
    characters: int = MAX_CHARACTERS
    pages: int = MAX_PAGES
    ocr_pages: int = OCR_PAGES
    depth: int = 0

    def spend_archive(self, *, unpacked: int, entries: int) -> None:
        self.unpacked -= unpacked
        self.entries -= entries
        if self.unpacked < 0 or self.entries < 0:
            raise BudgetSpentError

    def spend_characters(self, count: int) -> None:
        self.characters -= count
        if self.characters < 0:
            raise BudgetSpentError

    def spend_pages(self, count: int) -> None:
        self.pages -= count
        if self.pages < 0:
            raise BudgetSpentError


_current: ContextVar[Budget] = ContextVar("budget")


def current_budget() -> Budget:
    return _current.get()


@contextmanager
def fresh_budget() -> Iterator[Budget]:
    """For one upload."""
    token = _current.set(Budget())
    try:
        yield _current.get()
    finally:
        _current.reset(token)
