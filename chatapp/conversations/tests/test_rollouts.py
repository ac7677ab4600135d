"""Steps of a rollout reach what waits, at the next claim, and leave alone what runs."""

from uuid import uuid4

import pytest
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.queue import claim_next
from chatapp.conversations.rendering import render_turn
from chatapp.conversations.selectors import get_turn_for
from chatapp.inference import routing
from chatapp.inference.models import ModelVersion, PilotMember, Rollout, Route
from chatapp.inference.services import rollouts
from tests.people import make_person
from tests.versions import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def candidate(scripted: ModelVersion) -> ModelVersion:
    return make_version("candidate")


def start(candidate: ModelVersion, *shares: float) -> Rollout:
    stages = [{"share": share} for share in shares]
    return rollouts.start_rollout(user=None, route=Route.DEFAULT, kind="canary", candidate=candidate, stages=stages)


def post(user: User, parent: Generation | None = None) -> Generation:
    conversation = parent.message.conversation_id if parent else uuid4()
    return services.post_message(user=user, text="Hello?", message_id=uuid4(), conversation_id=conversation)


def claim() -> Generation:
    claimed = claim_next(worker="w", version_ids=list(ModelVersion.objects.values_list("id", flat=True)))
    assert claimed is not None
    return claimed


def claimed_version() -> str:
    version = claim().version
    assert version is not None
    return version.name


def end(generation: Generation) -> None:
    Generation.objects.filter(pk=generation.pk).update(status=Status.COMPLETE, finished_at=timezone.now())


def test_f37_a_rollback_reaches_what_waits_at_once_and_a_running_answer_keeps_its_version(
    alice: User, bob: User, candidate: ModelVersion
) -> None:
    rollout = start(candidate, 100)
    running, waiting = post(alice), post(bob)
    assert claim().pk == running.pk
    rollouts.roll_back_rollout(user=None, rollout=rollout, reason="More errors.")
    assert claimed_version() == "scripted"
    running.refresh_from_db()
    waiting.refresh_from_db()
    assert (running.version, running.status) == (candidate, Status.ANSWERING)
    assert (waiting.rollout, post(bob).rollout) == (rollout, None)


def test_e13_every_step_is_what_the_next_claim_goes_by(alice: User, candidate: ModelVersion) -> None:
    """The question is asked first, the step comes then: nothing is left to wait for."""
    rollout = start(candidate, 0.01, 100)
    draw = routing.draw_of(alice.id, str(rollout.id))
    assert draw > 0  # Or the first stage would have her.
    answers = []
    for step in (None, rollouts.advance_rollout, rollouts.complete_rollout):
        asked = post(alice)
        if step is not None:
            rollout = step(user=None, rollout=rollout)
        answers.append(claimed_version())
        end(asked)
    assert answers == ["scripted", "candidate", "candidate"]
    assert set(Generation.objects.values_list("draw", flat=True)) == {draw}


def test_a_question_from_before_the_rollout_is_none_of_it(alice: User, candidate: ModelVersion) -> None:
    before = post(alice)
    start(candidate, 100)
    assert before.rollout is None
    assert claimed_version() == "scripted"


def test_an_answer_that_was_handed_back_leaves_a_candidate_that_was_rolled_back(
    alice: User, candidate: ModelVersion
) -> None:
    """Its worker died, maybe of the candidate: nobody gives it to that again."""
    rollout = start(candidate, 100)
    post(alice)
    assert claimed_version() == "candidate"
    Generation.objects.update(status=Status.QUEUED)
    assert claimed_version() == "candidate"
    Generation.objects.update(status=Status.QUEUED)
    rollouts.roll_back_rollout(user=None, rollout=rollout)
    assert claimed_version() == "scripted"


def test_a_conversation_and_its_siblings_stay_on_one_arm(alice: User, candidate: ModelVersion) -> None:
    start(candidate, 50)
    first = post(alice)
    versions = {claimed_version()}
    end(first)
    for _ in range(3):
        other = post(alice)
        versions.add(claimed_version())
        end(other)
    again = services.regenerate(user=alice, message_id=first.message_id)
    versions.add(claimed_version())
    assert len(versions) == 1
    assert again.draw == first.draw


def test_the_share_is_that_of_the_people(candidate: ModelVersion) -> None:
    rollout = start(candidate, 25)
    draws = [routing.draw_of(uuid4(), str(rollout.id)) for _ in range(4000)]
    assert 0.22 < sum(draw < 2500 for draw in draws) / len(draws) < 0.28


def test_who_asked_to_try_new_models_meets_it_in_the_smallest_stage(alice: User, candidate: ModelVersion) -> None:
    PilotMember.objects.create(user=alice)
    start(candidate, 0.01)
    post(make_person("bob"))
    assert claimed_version() == "scripted"
    post(alice)
    assert claimed_version() == "candidate"


def test_the_answer_says_so_to_who_asked_and_to_nobody_else(alice: User, bob: User, candidate: ModelVersion) -> None:
    PilotMember.objects.create(user=alice)
    start(candidate, 100)
    told = {}
    for user in (alice, bob):
        asked = post(user)
        assert claimed_version() == "candidate"
        end(asked)
        turn = get_turn_for(user, asked.message_id)
        told[user.username] = (turn.pilot, "Pilot: candidate" in render_turn(turn, user=user))
    assert told == {"alice": ("candidate", True), "bob": ("", False)}
