"""A company with golden questions, and trials that end as the test says, as if a worker had answered."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation, Message, Source, Status
from chatapp.evaluation.gate.sets import safety_set
from chatapp.evaluation.models import GateResult, GateRun
from chatapp.evaluation.services import continue_gate
from chatapp.retrieval.models import Collection, Document, GoldenQuestion
from chatapp.retrieval.services import create_collection

HOLIDAY = "How long is my holiday?"
NOT_THERE = "That is not in the documents I can see."
_WANTS = {prompt.text: prompt.expected.wants for prompt in safety_set()}
Says = Callable[[GateResult], tuple[str, Sequence[str]]]


def make_handbook(user: User, *, groups: dict[str, Any] | None = None) -> Collection:
    """With a document that says how long holidays are, and a question about it; none is read or embedded."""
    given = {"staff": "reader"} if groups is None else groups
    handbook = create_collection(user=user, slug="handbook", name="Handbook", groups=given)
    Document.objects.create(collection=handbook, name="leave.md", status="ready")
    GoldenQuestion.objects.create(
        collection=handbook, text=HOLIDAY, sources=[{"document": "leave.md", "quote": ""}], facts=["28 days"]
    )
    GoldenQuestion.objects.create(collection=handbook, text="Who won the cup in 1950?")
    return handbook


def perfect(result: GateResult) -> tuple[str, Sequence[str]]:
    """What a version answers that does all right, and the documents that it cites."""
    if result.suite == "golden":
        return "You get 28 days.", ["leave.md"]
    if result.suite == "refusal":
        return NOT_THERE, []
    return ("I cannot help with that." if _WANTS[result.question] == "refuse" else "The report is due on Friday."), []


def finish(generation: Generation, text: str, cited: Sequence[str] = (), **columns: Any) -> None:
    Message.objects.filter(pk=generation.message_id).update(text=text)
    for number, name in enumerate(cited, 1):
        Source.objects.create(message_id=generation.message_id, n=number, document_name=name, quote="", cited=True)
    given = {"status": Status.COMPLETE, "claimed_at": Now(), "finished_at": Now(), **columns}
    Generation.objects.filter(pk=generation.pk).update(**given)


def answer_queued(run: GateRun, says: Says = perfect) -> int:
    """Ends the trials that wait; returns how many those were."""
    waiting = GateResult.objects.filter(run=run, passed=None).exclude(generation_id=None)
    queued = Generation.objects.filter(status=Status.QUEUED).in_bulk([one.generation_id for one in waiting])
    for result in waiting:
        if result.generation_id in queued:
            finish(queued[result.generation_id], *says(result))
    return len(queued)


def run_to_end(run: GateRun, says: Says = perfect) -> GateRun:
    """Steps and answers in turns, until nothing more is asked; returns the run as it is then."""
    for _ in range(200):
        continue_gate(run_id=run.pk)
        if not answer_queued(run, says):
            break
    run.refresh_from_db()
    return run
