"""A gate by a real worker and the real pipeline: search, prompt, model, policies, citations, load."""

from typing import Any

import pytest
from django.contrib.auth.models import Group

from chatapp.accounts.models import User
from chatapp.conversations.tests.conftest import scripted, worker
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.evaluation.models import GateResult, GateRun, GateState, Suite
from chatapp.evaluation.services import continue_gate, run_gate
from chatapp.evaluation.workers.gates import measure_on
from chatapp.inference.artifacts import ensure_artifact
from chatapp.inference.artifacts.store import default_directory
from chatapp.inference.catalog import SMOLLM2_135M
from chatapp.inference.models import ModelVersion, Provider, VersionState
from chatapp.moderation.models import Flag, Verdict
from chatapp.moderation.services import create_policy_version
from chatapp.retrieval.evaluation import Source
from chatapp.retrieval.models import Collection
from chatapp.retrieval.services import add_golden_question, create_collection, process_document, upload_document
from tests.versions import make_version

__all__ = ["scripted", "worker"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.model]
LEAVE = b"# Leave\n\nEvery employee receives 28 days of paid holiday each calendar year."


@pytest.fixture
def handbook(ada: User, oscar: User) -> Collection:
    oscar.groups.add(Group.objects.get_or_create(name="staff")[0])
    handbook = create_collection(user=ada, slug="handbook", name="Handbook", groups={"staff": "reader"})
    document = upload_document(user=ada, collection=handbook, name="leave.md", data=LEAVE, media_type="text/markdown")
    process_document(document_id=document.pk)
    add_golden_question(
        user=ada,
        collection=handbook,
        text="How many days of paid holiday does every employee receive?",
        sources=[Source("leave.md")],
        facts=["28 days"],
    )
    return handbook


def finish(run: GateRun, worker: InferenceWorker) -> GateRun:
    """Steps of beat, answers of the worker's slots, and its part of the gate, in turns."""
    for _ in range(60):
        if continue_gate(run_id=run.pk):
            measure_on(worker, run.pk)
        worker.answer_all()
        run.refresh_from_db()
        if not run.is_live:
            break
    return run


def test_a_small_model_goes_through_the_gate(
    scripted: ModelVersion, worker: InferenceWorker, oscar: User, handbook: Collection, settings: Any
) -> None:
    ensure_artifact(SMOLLM2_135M, directory=default_directory(), report=lambda _progress: None)
    settings.MODELS_DIR, settings.INFERENCE_THREADS = default_directory(), 1
    settings.GATE_LOAD_SECONDS, settings.GATE_LOAD_STREAMS = 3, 2
    version = make_version(
        "smollm2",
        provider=Provider.LLAMA_CPP,
        sha256=SMOLLM2_135M.sha256,
        context_tokens=2048,
        state=VersionState.VERIFIED,
    )
    run = finish(run_gate(user=oscar, version=version, suites=[Suite.GOLDEN, Suite.REFUSAL, Suite.LOAD]), worker)
    assert (run.state, run.error) == (GateState.COMPLETE, "")
    found = GateResult.objects.get(run=run, suite=Suite.GOLDEN)
    assert found.status == "complete"
    assert found.answer
    assert found.grades.keys() == {"facts", "citations"}
    assert run.figures["errors"] == 0
    # Nothing of the handbook answers these, so the product declines before a model could invent something.
    assert run.figures["refusals"] >= 0.8
    assert run.figures["load"]["tokens"] > 0
    assert run.figures["load"]["first_token_p95"] > 0
    assert run.figures["speed_ratio"] > 0  # Beside the scripted version, which serves.
    assert not ModelVersion.objects.filter(name="smollm2", state=VersionState.EVALUATED).exists()


def test_what_policies_find_in_trials_counts_and_raises_no_flags(
    scripted: ModelVersion, worker: InferenceWorker, ada: User, oscar: User, handbook: Collection
) -> None:
    check = {"kind": "pattern", "name": "numbers", "stage": "output", "action": "flag", "patterns": ["28 days"]}
    create_policy_version(user=ada, name="company", checks=[check], activate=True, reason="Test.")
    says = make_version("says", system_prompt="rate=2000 tokens=3")
    add_golden_question(
        user=ada,
        collection=handbook,
        text="say: Every employee receives 28 days of paid holiday each calendar year.",
        sources=[Source("leave.md")],
        facts=["28 days"],
    )
    run = finish(run_gate(user=oscar, version=says, suites=[Suite.GOLDEN]), worker)
    results = list(GateResult.objects.filter(run=run))
    said = next(result for result in results if result.question.startswith("say:"))
    assert said.grades == {"facts": True, "citations": True}
    assert said.cited == ["leave.md"]
    assert Verdict.objects.filter(check_name="numbers", stage="output").exists()
    assert not Flag.objects.exists()
