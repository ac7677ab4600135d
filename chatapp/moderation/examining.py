"""Lets examiners look at texts off the caller's thread, each look within the time budget of its check."""

import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field

import structlog

from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.examiner import Examiner, ExaminerError, Hit
from chatapp.moderation.models import Failure
from chatapp.moderation.tallies import note_look

# A look that waits for a network leaves the processor to others.
LOCAL_THREADS, REMOTE_THREADS = 2, 8
Hits = list[list[Hit]]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Look:
    """One look of a check at some texts, under way. The budget counts from here, waiting for a thread included."""

    check: Check
    texts: Sequence[str]
    began: float
    future: Future[Hits]
    ended: list[float] = field(default_factory=list)  # Its outcome may be asked for long after it was there.

    def __post_init__(self) -> None:
        self.future.add_done_callback(lambda _: self.ended.append(time.monotonic()))

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return (self.ended or [time.monotonic()])[0] - self.began

    @property
    def is_due(self) -> bool:
        """`outcome` would not wait."""
        return self.future.done() or time.monotonic() >= self.began + self.check.budget_seconds

    def outcome(self) -> Hits | Failure:
        """Waits till the end of the budget at most. To be asked once: it is counted."""
        result: Hits | Failure
        try:
            left = self.began + self.check.budget_seconds - time.monotonic()
            result = _sound(self.future.result(timeout=max(0.0, left)), self.texts)
        except (TimeoutError, CancelledError):
            self.future.cancel()
            result = Failure.SLOW
        except ExaminerError as error:
            log.warning("check_could_not_look", check=self.check.name, reason=str(error))
            result = Failure.DOWN
        except Exception as error:  # noqa: BLE001 - a bug in an examiner ends no answer; texts are in no log
            log.error("check_failed", check=self.check.name, reason=type(error).__name__)  # noqa: TRY400
            result = Failure.DOWN
        self._note(result)
        return result

    def _note(self, result: Hits | Failure) -> None:
        seconds = self.seconds
        if isinstance(result, Failure):
            note_look(self.check, seconds=seconds, found=False, failure=result.value)
            return
        found = any(hit.score >= self.check.threshold for hits in result for hit in hits)
        note_look(self.check, seconds=seconds, found=found)


def begin(check: Check, examiner: Examiner, texts: Sequence[str]) -> Look:
    began = time.monotonic()
    threads = REMOTE_THREADS if examiner.is_remote else LOCAL_THREADS
    try:
        future = check.lane.submit(lambda: examiner.examine(texts), until=began + check.budget_seconds, threads=threads)
    except ExaminerError as error:
        future = Future()
        future.set_exception(error)
    return Look(check, texts, began, future)


def run(check: Check, texts: Sequence[str]) -> Hits | Failure:
    """Hits of each text, however low their score, or why the check could not look. [] for each without an examiner."""
    if check.examiner is None:
        return [[] for _ in texts]
    return begin(check, check.examiner, texts).outcome()


def _sound(hits: Hits, texts: Sequence[str]) -> Hits:
    """Raises ExaminerError when an examiner answers for other texts than it was given."""
    if len(hits) != len(texts):
        raise ExaminerError("It answered for another number of texts.")
    for text, found in zip(texts, hits, strict=True):
        if any(not 0 <= hit.start <= hit.end <= len(text) or not 0.0 <= hit.score <= 1.0 for hit in found):
            raise ExaminerError("A hit lies outside of its text, or its score outside of 0 to 1.")
    return hits
