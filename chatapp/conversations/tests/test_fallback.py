"""A version that cannot answer: the next of its route does, here or on another worker, and at the end a sentence."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.bylines import byline_of
from chatapp.conversations.models import NO_MODEL, Generation, Status
from chatapp.conversations.pipeline.answer import generate_reply
from chatapp.conversations.pipeline.reply import Reply
from chatapp.conversations.queue import claim_next
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.test_reply import entries_of, shown
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.defaults import SAFE_ANSWER
from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.models import AnswerOutcome, Arm, ModelVersion, Provider, RolloutKind, Route, Worker, WorkerKind
from chatapp.inference.services import configure_route, report_problem, start_rollout
from tests.versions import make_version

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def weightless(scripted: ModelVersion) -> ModelVersion:
    """Its weights are nowhere, so a worker that claims for it refuses to load it."""
    return make_version("weightless", provider=Provider.LLAMA_CPP, sha256="0" * 64, context_tokens=1024)


def configure(version: ModelVersion, *fallbacks: ModelVersion, **parts: Any) -> Route:
    return configure_route(user=None, name=Route.DEFAULT, version=version, fallbacks=fallbacks, **parts)


def claim() -> Generation | None:
    """By a worker that believes that it serves everything."""
    return claim_next(worker="w", version_ids=list(ModelVersion.objects.values_list("id", flat=True)))


def answer_next(worker: InferenceWorker) -> Generation:
    claimed = claim()
    assert claimed is not None
    worker.answer(claimed)
    return stored()


def stored() -> Generation:
    return Generation.objects.select_related("message", "version", "fallback_from").get()


def names(generation: Generation) -> tuple[str, str]:
    assert generation.version is not None
    return generation.version.name, generation.fallback_from.name if generation.fallback_from else ""


def test_the_same_attempt_goes_on_with_the_next_version(
    alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion, weightless: ModelVersion
) -> None:
    configure(weightless, scripted)
    generation = ask(alice, "rate=2000 say: Here I am.")
    answered = answer_next(worker)
    assert (answered.status, answered.message.text, answered.attempt) == (Status.COMPLETE, "Here I am.", 1)
    assert names(answered) == ("scripted", "weightless")
    assert shown(entries_of(generation)) == "Here I am."
    outcome = AnswerOutcome.objects.get()
    assert (outcome.is_fallback, outcome.version) == (True, scripted)
    assert byline_of(answered) == "scripted, because weightless did not answer"


def test_the_baseline_answers_for_a_candidate_that_cannot(
    alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion, weightless: ModelVersion
) -> None:
    configure(scripted)
    start_rollout(user=None, route=Route.DEFAULT, kind=RolloutKind.BLUE_GREEN, candidate=weightless)
    ask(alice, "rate=2000 say: Here I am.")
    answered = answer_next(worker)
    assert (answered.status, answered.message.text) == (Status.COMPLETE, "Here I am.")
    assert names(answered) == ("scripted", "weightless")
    outcome = AnswerOutcome.objects.get()
    assert (outcome.arm, outcome.is_fallback) == (Arm.CANDIDATE, True)  # An error of the candidate's, for its guard.


def test_candidate_baseline_and_chain_are_tried_once_each(
    alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion, weightless: ModelVersion
) -> None:
    baseline, spare = (
        make_version(name, provider=Provider.LLAMA_CPP, sha256=digit * 64, context_tokens=1024)
        for name, digit in (("baseline", "1"), ("spare", "2"))
    )
    configure(baseline, spare)
    start_rollout(user=None, route=Route.DEFAULT, kind=RolloutKind.BLUE_GREEN, candidate=weightless)
    ask(alice)
    assert names(answer_next(worker)) == ("baseline", "weightless")
    assert names(answer_next(worker)) == ("spare", "weightless")
    assert answer_next(worker).error_code == NO_MODEL


def test_what_this_worker_does_not_serve_is_queued_again_without_burning_a_try(
    alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion, weightless: ModelVersion
) -> None:
    second = make_version("second", provider=Provider.LLAMA_CPP, sha256="1" * 64, context_tokens=1024)
    configure(weightless, second, scripted)
    generation = ask(alice, "rate=2000 tokens=3")
    handed = answer_next(worker)
    assert (handed.status, handed.lease_owner, handed.losses) == (Status.QUEUED, "", 0)
    assert names(handed) == ("second", "weightless")
    answered = answer_next(worker)
    assert (answered.status, answered.attempt, answered.losses) == (Status.COMPLETE, 2, 0)
    assert names(answered) == ("scripted", "weightless")
    assert shown(entries_of(generation)) == answered.message.text


def test_a_worker_lost_after_a_hand_over_is_still_the_first_one_lost(
    alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion, weightless: ModelVersion
) -> None:
    second = make_version("second", provider=Provider.LLAMA_CPP, sha256="1" * 64, context_tokens=1024)
    configure(weightless, second)
    ask(alice)
    answer_next(worker)
    for status, losses in ((Status.QUEUED, 1), (Status.FAILED, 1)):
        claimed = claim()
        assert claimed is not None
        worker.flusher.writer(claimed.id, claimed.attempt).fence()
        time.sleep(0.2)
        Generation.objects.update(lease_until=Now() - timedelta(seconds=1))
        services.sweep_generations()
        assert (stored().status, stored().losses) == (status, losses)


def test_at_the_end_stands_the_safe_answer(
    alice: User, ask: Ask, worker: InferenceWorker, weightless: ModelVersion
) -> None:
    configure(weightless)
    generation = ask(alice)
    failed = answer_next(worker)
    assert (failed.status, failed.error_code, failed.message.text) == (Status.FAILED, NO_MODEL, SAFE_ANSWER)
    assert entries_of(generation)[-1].text == "failed"
    assert byline_of(failed) == ""


def test_a_route_has_a_safe_answer_of_its_own(
    alice: User, ask: Ask, worker: InferenceWorker, weightless: ModelVersion
) -> None:
    configure(weightless, safe_answer="Call 4711.")
    ask(alice)
    assert answer_next(worker).message.text == "Call 4711."


def test_text_that_was_shown_is_never_gone_on_with_by_another_version(
    alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion
) -> None:
    configure(scripted, make_version("other"))
    ask(alice, "rate=2000 tokens=200 fail_every=1")
    broken = answer_next(worker)
    assert (broken.status, broken.error_code, names(broken)) == (Status.INTERRUPTED, "model_error", ("scripted", ""))
    numbers = [int(word[1:]) for word in broken.message.text.split()]
    assert numbers == list(range(len(numbers)))
    assert 0 < len(numbers) < 200


def test_a_stop_while_a_version_fails_is_a_stop(
    alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion, weightless: ModelVersion
) -> None:
    configure(weightless, scripted)
    ask(alice)
    claimed = claim()
    assert claimed is not None

    def stop_and_fail(reply: Reply) -> ChatModel:
        reply.stop()
        reason = "no weights"
        raise EngineError(reason)

    generate_reply(Reply(claimed, worker.flusher.writer(claimed.id, claimed.attempt)), stop_and_fail)
    assert (stored().status, names(stored())) == (Status.STOPPED, ("weightless", ""))


def test_a_version_that_the_caller_named_has_no_stand_in(
    alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion, weightless: ModelVersion
) -> None:
    configure(scripted, scripted)
    ask(alice)
    Generation.objects.update(version=weightless, is_pinned=True)
    failed = answer_next(worker)
    assert (failed.status, failed.error_code, failed.fallback_from) == (Status.FAILED, NO_MODEL, None)


def test_a_wrong_request_is_not_tried_on_another_version(
    alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion
) -> None:
    configure(scripted, make_version("other"))
    ask(alice)
    Generation.objects.update(sampling={"temperature": 99})
    failed = answer_next(worker)
    assert (failed.status, failed.error_code, names(failed)) == (Status.FAILED, "model_error", ("scripted", ""))


class TestStranded:
    """What no live worker serves."""

    def alive(self, *versions: ModelVersion, ready: bool = True) -> Worker:
        now = timezone.now()
        worker = Worker.objects.create(name="w", kind=WorkerKind.INFERENCE, started_at=now, seen_at=now, ready=ready)
        worker.serves.set(versions)
        return worker

    def wait_for(self, seconds: int) -> None:
        Generation.objects.update(created_at=Now() - timedelta(seconds=seconds))

    def test_it_moves_to_the_next_that_some_worker_serves(
        self, alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion, weightless: ModelVersion
    ) -> None:
        configure(weightless, make_version("nowhere"), scripted)
        ask(alice, "rate=2000 tokens=3")
        self.alive(scripted)
        assert services.sweep_generations() == 0
        self.wait_for(21)
        assert services.sweep_generations() == 1
        assert (stored().status, names(stored())) == (Status.QUEUED, ("scripted", "weightless"))
        assert services.sweep_generations() == 0
        worker.answer_all()
        assert (stored().status, stored().attempt) == (Status.COMPLETE, 1)

    def test_a_known_problem_is_not_waited_out(
        self, alice: User, ask: Ask, scripted: ModelVersion, weightless: ModelVersion
    ) -> None:
        configure(weightless, scripted)
        ask(alice)
        self.alive(scripted)
        assert services.sweep_generations() == 0
        report_problem(version=weightless, worker="w", reason="no weights")
        assert services.sweep_generations() == 1
        assert names(stored()) == ("scripted", "weightless")

    def test_what_some_worker_serves_waits_as_long_as_it_takes(
        self, alice: User, ask: Ask, scripted: ModelVersion, weightless: ModelVersion
    ) -> None:
        configure(weightless, scripted)
        ask(alice)
        self.alive(weightless)
        self.wait_for(600)
        assert services.sweep_generations() == 0
        assert stored().version is None

    def test_what_is_loaded_is_served(
        self, alice: User, ask: Ask, scripted: ModelVersion, weightless: ModelVersion
    ) -> None:
        configure(weightless, scripted)
        ask(alice)
        self.alive().loaded.set([weightless])
        self.wait_for(60)
        assert services.sweep_generations() == 0

    @pytest.mark.parametrize("state", ["none", "not ready", "long gone", "pipeline"])
    def test_while_no_worker_is_ready_everything_waits(
        self, alice: User, ask: Ask, scripted: ModelVersion, weightless: ModelVersion, state: str
    ) -> None:
        configure(weightless, scripted)
        ask(alice)
        self.wait_for(60)
        if state != "none":
            self.alive(scripted, ready=state != "not ready")
        if state == "long gone":
            Worker.objects.update(seen_at=Now() - timedelta(seconds=16))
        if state == "pipeline":
            Worker.objects.update(kind=WorkerKind.PIPELINE)
        assert services.sweep_generations() == 0
        assert stored().status == Status.QUEUED

    @pytest.mark.parametrize("pinned", [False, True])
    def test_when_nobody_serves_any_of_the_chain_the_safe_answer_comes(
        self, alice: User, ask: Ask, scripted: ModelVersion, weightless: ModelVersion, pinned: bool
    ) -> None:
        configure(weightless, *([scripted] if pinned else []))
        generation = ask(alice)
        if pinned:
            Generation.objects.update(version=weightless, is_pinned=True)
        self.alive(scripted)
        self.wait_for(60)
        assert services.sweep_generations() == 1
        failed = stored()
        assert (failed.status, failed.error_code, failed.message.text) == (Status.FAILED, NO_MODEL, SAFE_ANSWER)
        assert entries_of(generation)[-1].text == "failed"
        assert AnswerOutcome.objects.get().status == Status.FAILED
        assert services.sweep_generations() == 0

    def test_what_its_route_no_longer_allows_moves_on_inside(
        self, alice: User, ask: Ask, scripted: ModelVersion
    ) -> None:
        outside = make_version("outside", leaves=True)
        configure(outside, scripted, may_leave_company=True)
        ask(alice)
        Route.objects.update(may_leave_company=False)
        self.alive(outside, scripted)
        self.wait_for(60)
        assert services.sweep_generations() == 1
        assert names(stored()) == ("scripted", "outside")
