"""What one check says of one whole text, in a worker and within its budget."""

from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.examiner import ExaminerError, Hit
from chatapp.moderation.checks.scanner import scan
from chatapp.moderation.examining import run
from chatapp.moderation.models import Failure
from chatapp.moderation.watch import WINDOWS_A_LOOK
from chatapp.moderation.windows import cut_windows


def find_hits(check: Check, text: str) -> list[Hit]:
    """Matches, with a score of 1, and what the examiner says of each window, however low its score; in order.

    Raises ExaminerError when the check is down or over its budget.
    """
    hits = [Hit(span.start, span.end, 1.0, span.mask, span.label) for span in scan(check, text)]
    if check.examiner is not None:
        hits += _examine(check, text, check.examiner.longest)
    return sorted(hits, key=lambda hit: (hit.start, -hit.end))


def _examine(check: Check, text: str, longest: int) -> list[Hit]:
    windows = cut_windows(text, longest)
    hits: list[Hit] = []
    for at in range(0, len(windows), WINDOWS_A_LOOK):
        batch = windows[at : at + WINDOWS_A_LOOK]
        outcome = run(check, [window.text for window in batch])
        if isinstance(outcome, Failure):
            raise ExaminerError(f"{check.name} could not look: {outcome.label}.")
        for window, found in zip(batch, outcome, strict=True):
            hits += [hit.moved(window.start) for hit in found]
    return hits
