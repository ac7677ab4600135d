"""What is kept of each answer for those who judge versions: its arm, how it ended, what was thought of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Origin, Source, Status
from chatapp.conversations.pipeline.prompts import NOT_FOUND
from chatapp.conversations.queue import claim_next
from chatapp.conversations.services import FinishedAnswer, ask_trial, report_answer
from chatapp.conversations.services.fallbacks import safe_ending
from chatapp.conversations.services.generations import end_generation
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.models import AnswerOutcome, Arm, ModelVersion, Provider, Rollout, RolloutKind, Route, RouteRule
from chatapp.inference.refusals import is_refusal
from chatapp.inference.rollouts.figures import arm_figures
from chatapp.inference.services import configure_route
from chatapp.inference.services.rollouts import start_rollout
from chatapp.moderation.models import FlagSource
from chatapp.moderation.services import sample_exchange
from tests.versions import make_version

pytestmark = pytest.mark.django_db
Finish = Callable[..., AnswerOutcome]


@pytest.fixture
def candidate(scripted: ModelVersion) -> ModelVersion:
    return make_version("candidate")


@pytest.fixture
def rollout(scripted: ModelVersion, candidate: ModelVersion) -> Rollout:
    rollout = Rollout.objects.create(
        route_id=Route.DEFAULT,
        kind=RolloutKind.CANARY,
        baseline=scripted,
        candidate=candidate,
        stages=[{"share": 25, "min_answers": 20, "min_minutes": 0}],
        stage_started_at=timezone.now(),
    )
    Route.objects.update(rollout=rollout)
    return rollout


def finish(generation: Generation, version: ModelVersion, **ending: Any) -> AnswerOutcome:
    """Ends it as a worker does."""
    columns = {name: ending.pop(name) for name in ("fallback_from", "is_pinned", "rule") if name in ending}
    Generation.objects.filter(id=generation.id).update(
        status=Status.ANSWERING, attempt=1, claimed_at=Now(), version=version, **columns
    )
    generation.refresh_from_db()
    given = {"status": Status.COMPLETE, "text": "Because.", "finish_reason": "stop", **ending}
    assert services.finish_generation(generation, FinishedAnswer(**given))
    services.record_aftermath(generation.id)
    return AnswerOutcome.objects.get(generation_id=generation.id)


def test_an_answer_is_of_the_arm_that_the_draw_sent_it_to(
    alice: User, ask: Ask, rollout: Rollout, candidate: ModelVersion, scripted: ModelVersion
) -> None:
    assert finish(ask(alice), candidate).arm == Arm.CANDIDATE
    outcome = finish(ask(alice), scripted)
    assert (outcome.arm, outcome.rollout, outcome.route) == (Arm.BASELINE, rollout, Route.DEFAULT)
    outcome = finish(ask(alice), scripted, fallback_from=candidate)
    assert (outcome.arm, outcome.is_fallback, outcome.version) == (Arm.CANDIDATE, True, scripted)
    assert finish(ask(alice), make_version("third")).arm == ""


def test_what_a_caller_or_a_rule_decided_has_no_arm(
    alice: User, ask: Ask, rollout: Rollout, candidate: ModelVersion
) -> None:
    rule = RouteRule.objects.create(route_id=Route.DEFAULT, position=0, version=candidate)
    assert finish(ask(alice), candidate, is_pinned=True).arm == ""
    assert finish(ask(alice), candidate, rule=rule).arm == ""


@pytest.mark.parametrize("draw,arm", [(2499, Arm.CANDIDATE), (2500, Arm.BASELINE)])
def test_what_no_worker_ever_had_is_of_the_arm_of_its_draw(
    alice: User, ask: Ask, rollout: Rollout, draw: int, arm: Arm
) -> None:
    """As when nobody serves the candidate and no fallback is there: that is its error."""
    generation = ask(alice)
    Generation.objects.update(draw=draw)
    generation.refresh_from_db()
    end_generation(generation, safe_ending(generation))
    services.record_aftermath(generation.id)
    outcome = AnswerOutcome.objects.get()
    assert (outcome.arm, outcome.status, outcome.version) == (arm, "failed", None)


def test_without_a_rollout_there_is_no_arm(alice: User, ask: Ask, scripted: ModelVersion) -> None:
    outcome = finish(ask(alice), scripted)
    assert (outcome.arm, outcome.rollout, outcome.route) == ("", None, Route.DEFAULT)


@pytest.mark.parametrize(
    "ending,is_cut,is_refused",
    [
        ({}, False, False),
        ({"finish_reason": "length"}, True, False),
        ({"text": " "}, True, False),
        ({"status": Status.FAILED, "text": "", "error_code": "empty_answer", "finish_reason": "stop"}, True, False),
        ({"status": Status.FAILED, "text": "", "error_code": "model_error", "finish_reason": "error"}, False, False),
        ({"text": NOT_FOUND}, False, True),
        ({"text": "I\u2019m sorry, but I can\u2019t  help with that."}, False, True),
        ({"status": Status.STOPPED, "text": "I can't help"}, False, False),
    ],
)
def test_how_it_ended_is_kept(
    alice: User, ask: Ask, scripted: ModelVersion, ending: dict[str, Any], is_cut: bool, is_refused: bool
) -> None:
    outcome = finish(ask(alice), scripted, **ending)
    assert (outcome.is_cut, outcome.is_refusal) == (is_cut, is_refused)
    assert outcome.error_code == ending.get("error_code", "")


def test_a_source_that_is_cited_weakly_does_not_bear_the_answer_out(
    alice: User, ask: Ask, scripted: ModelVersion
) -> None:
    generation = ask(alice)
    Source.objects.bulk_create(
        Source(message_id=generation.message_id, n=n, document_name="a.md", quote="x") for n in (1, 2, 3)
    )
    text = "One [1]. Two [2]. Still two [2]."
    outcome = finish(generation, scripted, text=text, cited=frozenset({1, 2}), weak_citations=(text.rindex("[2]"),))
    assert (outcome.sources, outcome.cited, outcome.supported) == (3, 2, 1)


def test_flags_of_later_count_and_samples_and_appeals_do_not(
    alice: User, ask: Ask, scripted: ModelVersion, settings: Any
) -> None:
    settings.FLAG_SAMPLE_SHARE = 0
    generation = ask(alice)
    assert finish(generation, scripted).flags == 0
    sample = sample_exchange(generation_id=generation.id)
    assert sample is not None
    assert sample.source == FlagSource.SAMPLE
    outcome = AnswerOutcome.objects.get()
    assert outcome.flags == 0
    report_answer(user=alice, message_id=generation.message_id, reason="wrong", text="It is not so.")
    outcome.refresh_from_db()
    assert outcome.flags == 1


@pytest.mark.parametrize("origin", [Origin.TRIAL, Origin.TRIAGE])
def test_a_trial_is_told_from_what_people_ask(
    alice: User, scripted: ModelVersion, rollout: Rollout, candidate: ModelVersion, origin: Origin
) -> None:
    generation = ask_trial(user=alice, text="Why?", version=candidate, origin=origin)
    outcome = finish(generation, candidate)
    assert (outcome.is_trial, outcome.arm) == (True, "")


@pytest.mark.parametrize(
    "text",
    [
        "Das steht nicht in den Dokumenten, die ich sehen kann.",
        "Das weiß ich nicht.",
        "Diese Frage kann ich leider nicht beantworten.",
        "Cela ne figure pas dans les documents que je peux voir.",
        "Je n\u2019ai pas accès à ces données.",
        "Lo siento, no puedo ayudarte con eso.",
        "Eso no está en los documentos que puedo ver.",
    ],
)
def test_a_refusal_is_seen_in_german_french_and_spanish(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "Sie können den Antrag nicht per E-Mail stellen; in den Dokumenten steht das Formular.",
        "Les documents ne sont valables que signés.",
        "No puedes llevar más de cinco días al año siguiente.",
        "Backups do not contain mails.",
        "You cannot help yourself to it.",
        "Never say that it is unknown.",
        "",
    ],
)
def test_no_refusal_is_seen_in_plain_answers(text: str) -> None:
    assert not is_refusal(text)


def test_only_the_opening_is_looked_at() -> None:
    assert is_refusal("I don't know. " + "x" * 1000)
    assert not is_refusal("x" * 1000 + " I don't know.")


@pytest.mark.django_db(transaction=True)
def test_on_the_real_path_an_answer_of_a_fallback_is_the_candidates_error(
    alice: User, ask: Ask, worker: InferenceWorker, scripted: ModelVersion, settings: Any
) -> None:
    """The candidate's weights are nowhere, so the worker that claims for it goes on with the fallback."""
    broken = make_version("broken", provider=Provider.LLAMA_CPP, sha256="0" * 64, context_tokens=1024)
    configure_route(user=None, name=Route.DEFAULT, version=scripted, fallbacks=[scripted])
    rollout = start_rollout(
        user=None,
        route=Route.DEFAULT,
        kind=RolloutKind.CANARY,
        candidate=broken,
        stages=[{"share": 50, "min_answers": 0, "min_minutes": 0}, {"share": 100, "min_answers": 0, "min_minutes": 0}],
    )
    for draw in (0, 5000):
        generation = ask(alice, "rate=2000 say: Here I am.")
        Generation.objects.filter(id=generation.id).update(draw=draw)
        claimed = claim_next(worker="w", version_ids=[scripted.id, broken.id])
        assert claimed is not None
        worker.answer(claimed)
    kept = AnswerOutcome.objects.order_by("created_at").values_list("arm", "is_fallback", "status", "version")
    assert list(kept) == [(arm, arm == Arm.CANDIDATE, "complete", scripted.id) for arm in (Arm.CANDIDATE, Arm.BASELINE)]
    figures = arm_figures(rollout)
    assert [(figures.of(arm, "errors").y, figures.of(arm, "errors").n) for arm in Arm] == [(0, 1), (1, 1)]
    assert figures.of(Arm.BASELINE, "speed").answers == 1
