"""What the judge decides on given figures, and what it says of them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chatapp.errors import ChatappError
from chatapp.inference.models import Arm, ModelVersion, Rollout, RolloutKind, RolloutState
from chatapp.inference.rollouts.figures import ArmFigures
from chatapp.inference.rollouts.guards import DEFAULT_GUARDS, GUARDS, parse_guards
from chatapp.inference.rollouts.judge import LEAST_ANSWERS, LEAST_USERS, PATIENCE, Verdict, decide
from chatapp.inference.rollouts.statistics import Sums

PEOPLE = 20
NOW = timezone.now()


def people(per_person: float, events: float, count: int = PEOPLE) -> Sums:
    return Sums.of((events, per_person) for _ in range(count))


def figures(
    *,
    candidate: Sums | None = None,
    baseline: Sums | None = None,
    guard: str = "errors",
    in_stage: int | None = None,
) -> ArmFigures:
    """Both arms without any event; `guard` with these sums."""
    fine = people(10, 0)
    ours, theirs = ({"errors": fine, name: fine} for name in ("cut", "cut"))
    ours[guard] = candidate if candidate is not None else fine
    theirs[guard] = baseline if baseline is not None else fine
    answers = ours["errors"].answers if in_stage is None else in_stage
    return ArmFigures(
        sums={Arm.CANDIDATE: ours, Arm.BASELINE: theirs}, stage_answers=answers, stage_users=ours["errors"].users
    )


def rollout(**columns: Any) -> Rollout:
    stages = [{"share": share, "min_answers": 100, "min_minutes": 10} for share in (5, 25)]
    given = {
        "kind": RolloutKind.CANARY,
        "baseline": ModelVersion(name="old"),
        "candidate": ModelVersion(name="new"),
        "stages": stages,
        "stage_started_at": NOW - timedelta(minutes=11),
        "guards": dict(DEFAULT_GUARDS),
    }
    return Rollout(**{**given, **columns})


def test_a_good_candidate_advances_and_completes_after_the_last_stage() -> None:
    verdict = decide(rollout(), figures(), now=NOW)
    assert (verdict.decision, verdict.asks_person) == ("advance", False)
    assert verdict.reason == "200 answers of 20 people in this stage, and no guard is worse."
    assert (verdict.answers, verdict.users) == ({"baseline": 200, "candidate": 200}, {"baseline": 20, "candidate": 20})
    assert decide(rollout(stage=1), figures(), now=NOW).decision == "complete"


@pytest.mark.parametrize(
    "changes,given,reason",
    [
        ({"stage_started_at": NOW - timedelta(minutes=8)}, {}, "Enough answers; the stage lasts 2 more minutes."),
        ({}, {"in_stage": 99}, "99 of 100 answers in this stage."),
        (
            {"stages": [{"share": 5, "min_answers": 0, "min_minutes": 0}]},
            {"in_stage": LEAST_ANSWERS - 1},
            "19 of 20 answers in this stage.",
        ),
        (
            {},
            {"candidate": people(100, 0, LEAST_USERS - 1)},
            "Only 2 of at least 3 people have met the candidate.",
        ),
        (
            {},
            {"baseline": people(4, 0, 4)},
            "The baseline has only 16 answers to compare with. A person may complete it.",
        ),
        ({"state": RolloutState.HELD}, {}, "It is held: a person decides when it goes on. No guard is worse."),
        ({"kind": RolloutKind.AB}, {}, "An A/B test keeps its shares until a person ends it. No guard is worse."),
    ],
)
def test_it_stays_where_it_is_and_says_why(changes: dict[str, Any], given: dict[str, Any], reason: str) -> None:
    verdict = decide(rollout(**changes), figures(**given), now=NOW)
    assert (verdict.decision, verdict.reason, verdict.asks_person) == ("hold", reason, False)


@pytest.mark.parametrize(
    "changes", [{}, {"state": RolloutState.HELD}, {"kind": RolloutKind.AB}, {"stage": 1}, {"stage_started_at": NOW}]
)
def test_a_worse_candidate_goes_back_whatever_else_is(changes: dict[str, Any]) -> None:
    bad = Sums.of((2 + n % 2, 12) for n in range(PEOPLE))
    verdict = decide(rollout(**changes), figures(candidate=bad, baseline=people(12, 0), in_stage=0), now=NOW)
    assert verdict.decision == "roll_back"
    assert verdict.reason.startswith("Errors: 20.8 % against 0.0 % (difference at least ")
    assert verdict.reason.endswith(" points with 99.4 % confidence), 240 answers of 20 people.")


def test_below_the_floor_nothing_is_concluded() -> None:
    few_people = figures(candidate=people(100, 100, LEAST_USERS - 1))
    few_answers = figures(candidate=people(1, 1, LEAST_ANSWERS - 1))
    for given in (few_people, few_answers):
        verdict = decide(rollout(), given, now=NOW)
        assert verdict.decision == "hold"
        assert {guard.state for guard in verdict.guards if guard.name == "errors"} == {"too_few"}


def test_one_person_with_all_the_trouble_does_not_take_it_back() -> None:
    one = Sums.of([(200, 200)] + [(0, 10)] * 19)
    verdict = decide(rollout(), figures(candidate=one), now=NOW)
    assert verdict.decision != "roll_back"
    spread = Sums.of([(10, 20)] * 20)
    assert decide(rollout(), figures(candidate=spread), now=NOW).decision == "roll_back"


def test_what_looks_worse_waits_and_then_asks_a_person() -> None:
    shaky = Sums.of((n % 3 == 0, 10) for n in range(PEOPLE))
    few = decide(rollout(), figures(candidate=shaky, in_stage=100), now=NOW)
    assert (few.decision, few.asks_person) == ("hold", False)
    assert few.reason.startswith("It looks worse, which may be chance. Errors: 3.5 % against 0.0 %, 200 answers")
    many = decide(rollout(), figures(candidate=shaky, in_stage=PATIENCE * 100), now=NOW)
    assert (many.decision, many.asks_person) == ("hold", True)
    assert many.reason.endswith("A person has to decide.")


@pytest.mark.parametrize("guard", [guard for guard in GUARDS.values() if guard.is_share and guard.worse == "higher"])
def test_each_guard_of_events_takes_it_back(guard: Any) -> None:
    bad = people(10, 4)
    verdict = decide(rollout(), figures(candidate=bad, guard=guard.name), now=NOW)
    assert verdict.decision == "roll_back"
    assert verdict.reason.startswith(guard.label)


@pytest.mark.parametrize("guard,good,bad", [("support", 9, 5), ("speed", 300, 100)])
def test_less_is_worse_for_support_and_speed(guard: str, good: float, bad: float) -> None:
    def sums(events: float) -> Sums:
        return Sums.of((events * (0.95 + n % 3 * 0.05), 10) for n in range(PEOPLE))

    worse = decide(rollout(), figures(candidate=sums(bad), baseline=sums(good), guard=guard), now=NOW)
    better = decide(rollout(), figures(candidate=sums(good), baseline=sums(bad), guard=guard), now=NOW)
    assert (worse.decision, better.decision) == ("roll_back", "advance")
    assert GUARDS[guard].label in worse.reason


def test_a_tolerance_lets_pass_what_it_says() -> None:
    slower = {"speed": {"tolerance": 0.5}}
    given = figures(candidate=people(10, 200), baseline=people(10, 300), guard="speed")
    assert decide(rollout(guards=slower), given, now=NOW).decision == "advance"
    assert decide(rollout(guards={"speed": {"tolerance": 0.1}}), given, now=NOW).decision == "roll_back"


def test_each_guard_has_its_share_of_alpha() -> None:
    one = decide(rollout(guards={"errors": {"tolerance": 0.1}}), figures(), now=NOW).guards[0]
    eight = decide(rollout(), figures(), now=NOW).guards[0]
    assert (one.confidence, eight.confidence) == (0.95, 0.99375)
    assert one.high < eight.high


def test_a_verdict_is_kept_and_read_again() -> None:
    verdict = decide(rollout(), replace(figures(), late_seconds=1.5), now=NOW)
    assert Verdict.from_dict(verdict.as_dict()) == verdict


def test_a_reason_fits_its_column() -> None:
    bad = people(1000, 400, 5000)
    everything = {name: bad for name, guard in GUARDS.items() if guard.is_share and guard.worse == "higher"}
    fine = dict.fromkeys(everything, people(1000, 0, 5000))
    given = ArmFigures(sums={Arm.CANDIDATE: everything, Arm.BASELINE: fine}, late_seconds=12345.6)
    reason = decide(rollout(), given, now=NOW).reason
    assert reason.endswith("And 4 more.")
    assert len(reason) <= 500


def test_guards_are_read_with_their_usual_tolerances() -> None:
    assert parse_guards(DEFAULT_GUARDS) == dict(DEFAULT_GUARDS)
    assert parse_guards({"speed": {}, "errors": {"tolerance": 0}}) == {
        "errors": {"tolerance": 0.0},
        "speed": {"tolerance": 0.2},
    }


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        {},
        "errors",
        {"unheard": {}},
        {1: {}},
        {"errors": None},
        {"errors": {"tolerance": -1}},
        {"errors": {"tolerance": 11}},
        {"errors": {"tolerance": True}},
        {"errors": {"tolerance": "0.1"}},
        {"errors": {"tolerance": float("nan")}},
        {"errors": {"tolerance": 0.1, "floor": 0}},
    ],
)
def test_guards_that_make_no_sense_are_refused(raw: object) -> None:
    with pytest.raises(ChatappError) as refused:
        parse_guards(raw)
    assert refused.value.code == "invalid"
