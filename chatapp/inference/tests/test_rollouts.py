"""Rollouts as people and the judge move them: what each step writes, and what is refused with a sentence."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group

from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.inference import routing, selectors
from chatapp.inference.models import (
    ModelVersion,
    PilotMember,
    Rollout,
    RolloutAction,
    RolloutKind,
    RolloutState,
    RolloutStep,
    Route,
    RouteArm,
    VersionState,
)
from chatapp.inference.rollouts.plans import DEFAULT_STAGES
from chatapp.inference.services import retire_version, rollouts
from chatapp.inference.services.routes import configure_route, set_serving_version
from tests.people import make_person
from tests.versions import make_version

pytestmark = pytest.mark.django_db
STAGES = [{"share": 10, "min_answers": 5}, {"share": 100}]


@pytest.fixture
def old() -> ModelVersion:
    version = make_version("old")
    set_serving_version(user=None, version=version)
    return version


@pytest.fixture
def new(old: ModelVersion) -> ModelVersion:
    return make_version("new")


def start(user: User | None, candidate: ModelVersion, **given: Any) -> Rollout:
    return rollouts.start_rollout(
        user=user,
        candidate=candidate,
        **{"route": Route.DEFAULT, "kind": RolloutKind.CANARY, "stages": STAGES, **given},
    )


def arms() -> list[tuple[str, int, int]]:
    return [(arm.version.name, arm.starts_at, arm.ends_at) for arm in RouteArm.objects.select_related("version")]


def state_of(version: ModelVersion) -> str:
    return ModelVersion.objects.get(pk=version.pk).state


def test_a_canary_goes_by_its_stages_to_the_end_and_each_step_is_kept(
    oscar: User, old: ModelVersion, new: ModelVersion
) -> None:
    rollout = start(oscar, new, reason="It is newer.")
    assert (Route.objects.get().rollout, arms()) == (rollout, [("new", 0, 1000)])
    rollout = rollouts.advance_rollout(user=None, rollout=rollout, reason="Enough answers.", figures={"answers": {}})
    assert arms() == [("new", 0, 10_000)]
    rollout = rollouts.complete_rollout(user=oscar, rollout=rollout)
    route = Route.objects.get()
    assert (route.version, route.rollout, route.updated_by, arms()) == (new, None, oscar, [])
    assert (rollout.state, rollout.finished_at is not None) == (RolloutState.COMPLETED, True)
    assert (state_of(new), state_of(old)) == (VersionState.SERVING, VersionState.EVALUATED)
    steps = RolloutStep.objects.values_list("action", "share_before", "share_after", "actor", "reason", "figures")
    assert list(steps) == [
        (RolloutAction.STARTED, 0.0, 10.0, oscar.pk, "It is newer.", None),
        (RolloutAction.ADVANCED, 10.0, 100.0, None, "Enough answers.", {"answers": {}}),
        (RolloutAction.COMPLETED, 100.0, 100.0, oscar.pk, "", None),
    ]
    events = list(AuditEvent.objects.filter(action__startswith="inference.rollout_"))[::-1]
    assert [(event.action.removeprefix("inference.rollout_"), event.actor) for event in events] == [
        ("started", oscar),
        ("advanced", None),
        ("completed", oscar),
    ]
    assert events[0].detail == {"route": "default", "kind": "canary", "baseline": "old", "candidate": "new"}
    assert (events[1].before, events[1].after) == ({"share": 10.0}, {"share": 100.0, "state": "running"})


def test_a_rollback_leaves_the_route_as_it_was_and_another_rollout_may_begin(
    oscar: User, old: ModelVersion, new: ModelVersion
) -> None:
    rollout = rollouts.roll_back_rollout(user=None, rollout=start(oscar, new), reason="More errors.")
    route = Route.objects.get()
    assert (route.version, route.rollout, arms()) == (old, None, [])
    assert (rollout.state, rollout.share, state_of(new)) == (RolloutState.ROLLED_BACK, 0.0, VersionState.EVALUATED)
    assert start(oscar, new).is_live


def test_what_is_held_is_moved_by_a_person_and_by_no_judge(oscar: User, new: ModelVersion) -> None:
    rollout = rollouts.hold_rollout(user=oscar, rollout=start(oscar, new), reason="Over the weekend.")
    for step in (rollouts.advance_rollout, rollouts.complete_rollout, rollouts.hold_rollout):
        with pytest.raises(ChatappError, match="is held now") as refused:
            step(user=None, rollout=rollout)
        assert refused.value.code == "rollout_state"
    assert rollouts.advance_rollout(user=oscar, rollout=rollout).state == RolloutState.HELD
    before = Rollout.objects.get().stage_started_at
    resumed = rollouts.resume_rollout(user=oscar, rollout=rollout)
    assert (resumed.state, resumed.stage, resumed.stage_started_at > before) == (RolloutState.RUNNING, 1, True)
    held = rollouts.hold_rollout(user=None, rollout=resumed, reason="Slow.")
    assert rollouts.roll_back_rollout(user=None, rollout=held).state == RolloutState.ROLLED_BACK


def test_a_second_click_does_not_advance_twice(oscar: User, new: ModelVersion) -> None:
    stages = [{"share": 1}, {"share": 5}, {"share": 25}]
    rollout = start(oscar, new, stages=stages)
    rollouts.advance_rollout(user=oscar, rollout=rollout)
    with pytest.raises(ChatappError) as refused:
        rollouts.advance_rollout(user=oscar, rollout=rollout)
    assert (refused.value.code, arms()) == ("changed_meanwhile", [("new", 0, 500)])


def test_after_the_last_stage_comes_no_other(oscar: User, new: ModelVersion) -> None:
    rollout = start(oscar, new, kind=RolloutKind.BLUE_GREEN, stages=None)
    assert arms() == [("new", 0, 10_000)]
    with pytest.raises(ChatappError, match="last stage"):
        rollouts.advance_rollout(user=oscar, rollout=rollout)


@pytest.mark.parametrize(
    "step",
    [
        rollouts.advance_rollout,
        rollouts.hold_rollout,
        rollouts.resume_rollout,
        rollouts.roll_back_rollout,
        rollouts.complete_rollout,
        rollouts.end_rollout,
    ],
)
def test_what_is_over_stays_as_it_is(oscar: User, new: ModelVersion, step: Callable[..., Rollout]) -> None:
    rollout = rollouts.end_rollout(user=oscar, rollout=start(oscar, new))
    with pytest.raises(ChatappError, match="is ended now") as refused:
        step(user=oscar, rollout=rollout)
    assert (refused.value.code, RolloutStep.objects.count()) == ("rollout_state", 2)


@pytest.mark.parametrize("name", ["alice", "mallory", "mona"])
def test_those_who_do_not_operate_models_see_and_move_nothing(name: str, oscar: User, new: ModelVersion) -> None:
    user, rollout = make_person(name), start(oscar, new)
    assert not selectors.list_rollouts_for(user)
    for refused in (
        lambda: selectors.get_rollout_for(user, rollout.id),
        lambda: start(user, new),
        lambda: rollouts.advance_rollout(user=user, rollout=rollout),
        lambda: rollouts.roll_back_rollout(user=user, rollout=rollout),
        lambda: rollouts.complete_rollout(user=user, rollout=rollout),
    ):
        with pytest.raises(ChatappError) as error:
            refused()
        assert error.value.code in {"not_found", "forbidden"}
    assert RolloutStep.objects.count() == 1


def test_a_shadow_rollout_takes_no_share_needs_no_gate_and_has_no_winner(oscar: User, old: ModelVersion) -> None:
    draft = make_version("draft", state=VersionState.DRAFT)
    rollout = start(oscar, draft, kind=RolloutKind.SHADOW, stages=None)
    assert (rollout.share, arms(), Route.objects.get().rollout) == (0.0, [], rollout)
    with pytest.raises(ChatappError, match="shadow rollout is ended"):
        rollouts.complete_rollout(user=oscar, rollout=rollout)
    assert rollouts.end_rollout(user=oscar, rollout=rollout).state == RolloutState.ENDED
    assert state_of(draft) == VersionState.DRAFT


class TestTheGate:
    def test_a_version_without_a_gate_begins_only_with_a_reason_that_is_audited(
        self, oscar: User, old: ModelVersion
    ) -> None:
        draft = make_version("draft", state=VersionState.VERIFIED)
        with pytest.raises(ChatappError, match="has passed no release gate") as refused:
            start(oscar, draft)
        assert (refused.value.code, Rollout.objects.count()) == ("not_evaluated", 0)
        rollout = start(oscar, draft, override=" The gate is down. ")
        assert rollout.override_reason == "The gate is down."
        event = AuditEvent.objects.get(action="inference.gate_overridden")
        assert (event.actor, event.reason, event.detail["name"]) == (oscar, "The gate is down.", "draft")
        rollouts.complete_rollout(user=oscar, rollout=rollout)
        assert state_of(draft) == VersionState.SERVING

    @pytest.mark.parametrize("state", [VersionState.REJECTED, VersionState.RETIRED])
    def test_no_reason_brings_back_what_was_taken_away(
        self, oscar: User, old: ModelVersion, state: VersionState
    ) -> None:
        gone = make_version("gone", state=state)
        attempts: list[Callable[[User | None], object]] = [
            lambda user: start(user, gone, override="Please."),
            lambda user: start(user, gone, kind=RolloutKind.SHADOW, stages=None),
            lambda user: set_serving_version(user=user, version=gone, override="Please."),
            lambda user: configure_route(user=user, name="default", version=old, fallbacks=[gone], override="Please."),
            lambda user: configure_route(user=user, name="default", version=old, arms=[(gone, 1)], override="Please."),
        ]
        for attempt in attempts:
            for user in (oscar, None):
                with pytest.raises(ChatappError, match=r"gone (was rejected|is retired)"):
                    attempt(user)
        assert (Route.objects.get().version, arms()) == (old, [])

    def test_it_stands_before_every_way_to_traffic_and_before_no_fallback(self, oscar: User, old: ModelVersion) -> None:
        draft = make_version("draft", state=VersionState.DRAFT)
        ways: list[Callable[[str], Route]] = [
            lambda why: configure_route(user=oscar, name="default", version=old, arms=[(draft, 5)], override=why),
            lambda why: set_serving_version(user=oscar, version=draft, override=why),
        ]
        for way in ways:
            with pytest.raises(ChatappError) as refused:
                way(" ")
            assert refused.value.code == "not_evaluated"
        configure_route(user=oscar, name="default", version=old, fallbacks=[draft])
        assert state_of(draft) == VersionState.DRAFT
        for way in ways:
            way("A test of the night shift.")
        assert [event.reason for event in AuditEvent.objects.filter(action="inference.gate_overridden")] == [
            "A test of the night shift."
        ]
        assert (state_of(draft), state_of(old)) == (VersionState.SERVING, VersionState.EVALUATED)


def test_what_is_retired_while_somebody_reads_it_is_named_nowhere(oscar: User, old: ModelVersion) -> None:
    version = make_version("gone")
    attempts: list[Callable[[ModelVersion], object]] = [
        lambda read: start(oscar, read),
        lambda read: set_serving_version(user=oscar, version=read),
        lambda read: configure_route(user=oscar, name="default", version=old, fallbacks=[read]),
    ]
    read_before = [ModelVersion.objects.get(pk=version.pk) for _ in attempts]
    retire_version(user=oscar, version=version)
    for attempt, read in zip(attempts, read_before, strict=True):
        with pytest.raises(ChatappError, match="gone is retired"):
            attempt(read)
    assert (Route.objects.get().version, Rollout.objects.count()) == (old, 0)


def test_a_candidate_whose_other_route_went_on_serves_no_longer_once_it_is_rolled_back(
    oscar: User, old: ModelVersion, new: ModelVersion
) -> None:
    set_serving_version(user=oscar, version=new, route="other")
    rollout = start(oscar, new)
    set_serving_version(user=oscar, version=old, route="other")
    assert state_of(new) == VersionState.SERVING  # by the rollout's arm
    rollouts.roll_back_rollout(user=oscar, rollout=rollout)
    assert state_of(new) == VersionState.EVALUATED


def test_while_a_rollout_runs_its_route_stays(oscar: User, old: ModelVersion, new: ModelVersion) -> None:
    start(oscar, new)
    third = make_version("third")
    attempts: list[Callable[[], object]] = [
        lambda: start(oscar, third),
        lambda: set_serving_version(user=oscar, version=third),
        lambda: configure_route(user=oscar, name="default", version=old, description="Other words"),
    ]
    for attempt in attempts:
        with pytest.raises(ChatappError, match="A rollout of new runs on the route default") as refused:
            attempt()
        assert refused.value.code == "rollout_running"
    assert arms() == [("new", 0, 1000)]


@pytest.mark.parametrize(
    "given,words",
    [
        ({"kind": "gradual"}, "kind must be one of"),
        ({"stages": []}, "at least one stage"),
        ({"stages": "all"}, "a list of at most"),
        ({"stages": [1]}, "a stage must have a share"),
        ({"stages": [{"share": 0}]}, "share of a stage"),
        ({"stages": [{"share": 100.5}]}, "share of a stage"),
        ({"stages": [{"share": float("nan")}]}, "share of a stage"),
        ({"stages": [{"share": True}]}, "share of a stage"),
        ({"stages": [{"share": 5, "min_answers": 1.5}]}, "whole number"),
        ({"stages": [{"share": 5, "min_minutes": -1}]}, "min_minutes of a stage"),
        ({"stages": [{"share": 5, "minutes": 3}]}, "no minutes"),
        ({"stages": [{"share": 5}, {"share": 5}]}, "must rise"),
        ({"stages": [{"share": n} for n in range(1, 22)]}, "at most 20"),
        ({"kind": "ab", "stages": [{"share": 100}]}, "less than 100"),
        ({"kind": "ab", "stages": [{"share": 1}, {"share": 5}]}, "one stage"),
        ({"kind": "blue_green", "stages": [{"share": 99}]}, "of 100 percent"),
        ({"kind": "shadow", "stages": [{"share": 1}]}, "no stages"),
        ({"kind": "ab", "stages": None, "has_pilot": True}, "only a canary has a pilot"),
        ({"alpha": 0}, "alpha must be"),
        ({"alpha": "0.05"}, "alpha must be"),
        ({"guards": {"mood": {}}}, "mood"),
        ({"reason": "x" * 501}, "at most 500"),
        ({"reason": "a\0b"}, "at most 500"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_a_sentence(
    oscar: User, new: ModelVersion, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(ChatappError, match=words) as refused:
        start(oscar, new, **given)
    assert (refused.value.code, Rollout.objects.count(), Route.objects.get().rollout) == ("invalid", 0, None)


def test_a_candidate_that_cannot_answer_there_is_refused(oscar: User, old: ModelVersion, new: ModelVersion) -> None:
    refusals = [
        (old, "is the version of the route"),
        (make_version("outside", leaves=True), "leaves the company"),
        (make_version("judge", provider="moderation"), "answers no questions"),
    ]
    for candidate, words in refusals:
        with pytest.raises(ChatappError, match=words):
            start(oscar, candidate)
    configure_route(user=oscar, name="default", version=old, arms=[(new, 5)])
    with pytest.raises(ChatappError, match="shares its users between arms"):
        start(oscar, make_version("third"))
    with pytest.raises(ChatappError) as unknown:
        start(oscar, new, route="nowhere")
    assert unknown.value.code == "model_unavailable"


def test_without_a_plan_there_is_the_default_one(oscar: User, new: ModelVersion) -> None:
    rollout = start(oscar, new, stages=None)
    assert [stage["share"] for stage in rollout.stages] == [1, 5, 25, 50, 100]
    assert all(stage["min_answers"] > 0 and stage["min_minutes"] > 0 for stage in DEFAULT_STAGES)
    assert (rollout.has_pilot, rollout.alpha, bool(rollout.guards)) == (True, 0.05, True)


class TestThePilot:
    def test_who_asked_and_the_group_come_first_as_long_as_there_is_a_pilot(
        self, oscar: User, new: ModelVersion
    ) -> None:
        alice, bob, mallory = make_person("alice"), make_person("bob"), make_person("mallory")
        PilotMember.objects.create(user=alice)
        start(oscar, new, pilot_group=Group.objects.get(name="sales"))
        route = selectors.load_asked_route("default")
        assert [routing.draw_on(route, user) for user in (alice, bob)] == [0, 0]
        assert routing.draw_on(route, mallory) == routing.draw_of(mallory.id, str(route.rollout_id))

    def test_a_rollout_may_go_without_one(self, oscar: User, new: ModelVersion) -> None:
        alice = make_person("alice")
        PilotMember.objects.create(user=alice)
        start(oscar, new, has_pilot=False)
        route = selectors.load_asked_route("default")
        assert routing.draw_on(route, alice) == routing.draw_of(alice.id, str(route.rollout_id))
