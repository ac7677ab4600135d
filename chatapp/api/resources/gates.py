"""Release gates as the list of evaluations shows them, and their questions."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema

from chatapp.evaluation.gate.report import report_of
from chatapp.evaluation.models import GateRun
from chatapp.evaluation.selectors import GateAnswer


class MarkOut(Schema):
    name: str
    value: float | None = Field(description="Null: there was nothing to measure.")
    limit: float | None = Field(description="Null: nothing depends on it.")
    slack: float | None = Field(description="How much worse than the serving version it may be, and miss the limit.")
    baseline: float | None = Field(description="Of the serving version's last complete gate.")
    passed: bool | None


class GateOut(Schema):
    id: UUID
    kind: Literal["gate"] = "gate"
    version: str
    status: str = Field(description="queued, running, complete, failed or cancelled")
    passed: bool | None = Field(description="Null until it is complete.")
    error: str
    suites: list[str] = Field(description="Only a run of all of them lets the version through.")
    questions: int
    asked: int
    marks: list[MarkOut] = Field(description="At the end.")
    load: dict[str, float | None] | None = Field(description="Of the load test.")
    worker: str = Field(description="On which the load test ran.")
    baseline: UUID | None
    created_at: datetime
    finished_at: datetime | None


class GateAnswerOut(Schema):
    ordinal: int
    suite: str
    name: str = Field(description="Of a prompt that comes with the product.")
    readable: bool = Field(description="False: question and answer are for readers of its collection.")
    question: str
    expected: dict[str, Any]
    answer: str
    status: str
    error: str
    cited: list[str]
    grades: dict[str, bool | None]
    passed: bool | None = Field(description="Null until it was graded.")
    milliseconds: float | None


def shape_gate(run: GateRun) -> GateOut:
    return GateOut.model_validate(report_of(run))


def shape_answer(answer: GateAnswer) -> GateAnswerOut:
    result = answer.result
    return GateAnswerOut(
        ordinal=result.ordinal,
        suite=result.suite,
        name=result.name,
        readable=answer.is_readable,
        question=answer.question,
        expected=answer.expected,
        answer=answer.answer,
        status=result.status,
        error=result.error_code,
        cited=answer.cited,
        grades=result.grades,
        passed=result.passed,
        milliseconds=result.milliseconds,
    )
