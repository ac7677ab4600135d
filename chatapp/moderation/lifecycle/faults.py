"""What would keep a version's checks from working: sentences for its author. None of it hinders the version."""

from collections.abc import Iterator, Sequence

from django.conf import settings

from chatapp.inference.artifacts import ArtifactError, find_artifact
from chatapp.inference.catalog import RAMPART_TOKENIZER, RAMPART_WEIGHTS
from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.examiner import Examiner, ExaminerError
from chatapp.moderation.checks.names import NameExaminer
from chatapp.moderation.checks.pii import PersonalExaminer
from chatapp.moderation.checks.remote import RemoteExaminer
from chatapp.moderation.lifecycle.selectors import list_unknown_names


def list_warnings(checks: Sequence[Check]) -> list[str]:
    """A group may come with the next sign-in, a route with the next deployment and a file with the next download."""
    faults = [
        f"{check.name}: {fault}"
        for check in checks
        if check.examiner is not None
        for fault in _faults(check.examiner)
        if fault
    ]
    return [*list_unknown_names(checks), *faults]


def _faults(examiner: Examiner) -> Iterator[str]:
    if isinstance(examiner, RemoteExaminer):
        yield examiner.find_fault()
    elif isinstance(examiner, PersonalExaminer):
        for part in examiner.examiners:
            yield from _faults(part)
    elif isinstance(examiner, NameExaminer):
        yield _missing_files()


def _missing_files() -> str:
    """Of this machine's models folder, which a worker elsewhere may have filled."""
    try:
        for file in (RAMPART_WEIGHTS, RAMPART_TOKENIZER):
            find_artifact(file.sha256, directory=settings.MODELS_DIR, suffix=file.suffix)
    except (ArtifactError, ExaminerError):
        return "the model for names is not on this machine, so this check can only fail here."
    return ""
