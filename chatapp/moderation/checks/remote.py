"""Checks that hand texts to something else: a service, or a model."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion
from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.examiner import ExaminerError, Hit


class MayNotLeaveError(ExaminerError):
    """The text may not be sent outside of the company, and what would look at it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteExaminer(ABC):
    """`may_leave`: whether texts of this exchange may be sent outside of the company; not unless somebody said so."""

    longest: int
    seconds: float
    may_leave: bool = False
    is_remote: bool = True

    @abstractmethod
    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        """See `Examiner`."""

    @abstractmethod
    def find_fault(self) -> str:
        """What is wrong with the names in the policy, as a sentence; empty when they are known."""

    def refuse_to_leak(self, version: ModelVersion) -> None:
        """Raises MayNotLeaveError."""
        if version.may_leave_company and not self.may_leave:
            raise MayNotLeaveError(f"The text may not leave the company, and {version.name} is outside of it.")


def is_remote(check: Check) -> bool:
    return isinstance(check.examiner, RemoteExaminer)


@lru_cache(maxsize=256)
def let_out(check: Check) -> Check:
    """The check for exchanges on a route whose data may leave the company."""
    if not isinstance(check.examiner, RemoteExaminer):
        return check
    return replace(check, examiner=replace(check.examiner, may_leave=True))


def refuse_unknown_names(checks: Iterable[Check]) -> None:
    """A check that asks what does not exist could only fail. Raises ChatappError("invalid") with a sentence."""
    for number, check in enumerate(checks):
        if isinstance(check.examiner, RemoteExaminer) and (fault := check.examiner.find_fault()):
            raise ChatappError("invalid", detail=f"checks[{number}]: {fault}")
