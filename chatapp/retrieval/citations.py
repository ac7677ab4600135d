"""Which sentences of an answer rest on which passage: the model's own markers, and attribution where it set none."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.evidence import find_source, numbers_in, offer_of, states_something
from chatapp.retrieval.marks import Mark, decided, find_marks
from chatapp.retrieval.search import Passage
from chatapp.retrieval.sentences import MARKER, next_fence

# A line that is longer is taken as several, so that the work for each piece of it stays small.
MAX_LINE = 4_000
# So long a sentence may hold up the text behind it: a machine that is busy with other answers embeds slowly.
PATIENCE_SECONDS = 3.0
_aside = ThreadPoolExecutor(max_workers=4, thread_name_prefix="citing")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """A citation: `[number]` stands at the offset `at` of what was written, for a sentence that cites `numbers`."""

    number: int
    at: int
    sentence: str
    numbers: frozenset[int]


class CitationStream:
    """Numbers the sentences that rest on a passage (passages count from 1), while the answer is written.

    Valid markers of the model stay, others go; one on a passage that lacks the figures before it moves to a passage
    that has them. A sentence that closes without a marker gets one before what follows it comes out. Nothing is added
    inside code or to headings. Figures of the question need no source.

    What comes out does not depend on how the text is cut into pieces, and but for markers it is the text. Held back
    are only part of a marker, blanks and backticks. A sentence goes without a number where the embedding model fails,
    and where it takes longer than `patience` seconds.
    """

    def __init__(
        self, passages: Sequence[Passage], *, question: str = "", patience: float | None = PATIENCE_SECONDS
    ) -> None:
        self.claims: list[Claim] = []
        self.is_whole = True  # False once a sentence went without a look, so that another time it may get its number.
        self._passages = passages
        self._question = question
        self._asked = numbers_in(question)
        self._written = 0
        self._patience = patience
        self._late: Future[int | None] | None = None
        self._fence = ""
        self._continues = False
        self._open_line("")

    def anew(self) -> "CitationStream":
        """For another text of the same answer."""
        return CitationStream(self._passages, question=self._question, patience=self._patience)

    @property
    def cited(self) -> frozenset[int]:
        return frozenset([claim.number for claim in self.claims] + [number for number, _ in self._pending])

    @property
    def written(self) -> int:
        """Characters that came out: what the offsets of claims count."""
        return self._written

    def feed(self, text: str) -> str:
        return "".join(self._count(self._advance(text)))

    def finish(self) -> str:
        """What was held back; the last sentence has closed."""
        return "".join(self._count(self._close_line("")))

    def _open_line(self, text: str) -> None:
        self._line, self._taken, self._handled = text, 0, 0
        self._pending: list[tuple[int, int]] = []  # Number and offset of the citations of the open sentence.

    def _count(self, pieces: Iterator[str]) -> Iterator[str]:
        """Offsets of claims need to know what was written before them."""
        for piece in pieces:
            self._written += len(piece)
            yield piece

    def _advance(self, text: str) -> Iterator[str]:
        while (at := self._line_end(text)) is not None:
            self._line, text = self._line + text[:at], text[at:]
            is_end = text.startswith("\n")
            yield from self._close_line("\n" if is_end else "")
            self._continues, text = not is_end, text.removeprefix("\n") if is_end else text
        self._line += text
        if self._fence or (not self._continues and next_fence("", self._line)):
            yield self._take(len(self._line))
        elif not self._passages and "[" not in self._line:
            yield self._take(len(self._line.rstrip(" ")))  # No marker is here, and none will be added.
        elif text:
            known = self._line.rstrip("`")  # A further backtick would make it another code span.
            marks = find_marks(known, is_whole=False)
            limit = decided(known, marks)
            ready = [mark for mark in marks if mark.end < limit or (mark.numbers and mark.end <= limit)]
            yield from self._handle(ready)
            yield self._take(limit)

    def _line_end(self, text: str) -> int | None:
        """Where in the text the open line ends, if there."""
        at = text.find("\n")
        room = MAX_LINE - len(self._line)
        if 0 <= at <= room:
            return at
        return room if len(text) > room else None

    def _close_line(self, end: str) -> Iterator[str]:
        opens = self._fence or ("" if self._continues else next_fence("", self._line))
        if not opens:
            yield from self._handle(find_marks(self._line))
        elif not self._continues:
            self._fence = next_fence(self._fence, self._line)
        self._settle("")
        yield self._take(len(self._line)) + end
        self._open_line("")

    def _handle(self, marks: Sequence[Mark]) -> Iterator[str]:
        for mark in marks[self._handled :]:
            self._handled += 1
            yield from self._keep(mark) if mark.numbers else self._close_sentence(mark)

    def _take(self, end: int) -> str:
        taken = self._line[self._taken : end]
        self._taken = max(end, self._taken)
        return taken

    def _keep(self, mark: Mark) -> Iterator[str]:
        """`[1, 3]` becomes `[1][3]`; numbers without a passage go, with the blank before them."""
        valid = [number for number in mark.numbers if 1 <= number <= len(self._passages)]
        before = self._take(mark.start)
        self._taken = mark.end
        if not valid:
            yield before.rstrip(" ")
            return
        yield before
        better = self._better_source(self._sentence(mark.sentence, mark.start), valid)
        for number in [better] if better else valid:
            yield self._cite(number)

    def _close_sentence(self, mark: Mark) -> Iterator[str]:
        yield self._take(mark.end)
        sentence = self._sentence(mark.sentence, mark.end)
        marked = [number for number, _ in self._pending]
        if states_something(sentence):
            number = self._better_source(sentence, marked) if marked else self._source_of(sentence)
            if number and number not in marked:
                yield " "
                yield self._cite(number)
        self._settle(sentence)

    def _settle(self, sentence: str) -> None:
        numbers = frozenset(number for number, _ in self._pending)
        self.claims += [Claim(number, at, sentence, numbers) for number, at in self._pending]
        self._pending = []

    def _cite(self, number: int) -> str:
        self._pending.append((number, self._written))
        return f"[{number}]"

    def _sentence(self, start: int, end: int) -> str:
        return MARKER.sub("", self._line[start:end]).strip(" \t|")

    def _better_source(self, sentence: str, marked: Sequence[int]) -> int | None:
        """Where the passages that were marked lack the sentence's figures, one that has them."""
        numbers = numbers_in(sentence) - self._asked
        holders = [n for n, passage in enumerate(self._passages, start=1) if numbers <= offer_of(passage).numbers]
        if not numbers or not holders or set(marked) & set(holders):
            return None
        return self._source_of(sentence)

    def _source_of(self, sentence: str) -> int | None:
        if not self._passages:
            return None
        if self._late and not self._late.done():
            self.is_whole = False
            return None
        found = _aside.submit(find_source, sentence, self._passages, self._asked)
        try:
            return found.result(self._patience)
        except TimeoutError:
            log.warning("citing_late", seconds=self._patience)
            self._late = found
        except EmbeddingError as error:
            log.warning("citing_failed", reason=str(error))
        self.is_whole = False
        return None
