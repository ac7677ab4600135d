"""Which version a route means: rules, draws, fallbacks, and the data policy over them."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from chatapp.inference import routing
from chatapp.inference.defaults import SAFE_ANSWER
from chatapp.inference.models import ModelVersion, Route, RouteFallback, RouteRule, Task
from chatapp.inference.selectors import list_choices, load_route
from tests.versions import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def big() -> ModelVersion:
    return make_version("big")


@pytest.fixture
def small() -> ModelVersion:
    return make_version("small")


@pytest.fixture
def outside() -> ModelVersion:
    return make_version("outside", leaves=True)


def route(version: ModelVersion, *, fallbacks: tuple[ModelVersion, ...] = (), **columns: Any) -> Route:
    """Stored as it is said, without the checks of `configure_route`."""
    made = Route.objects.create(name=Route.DEFAULT, version=version, **columns)
    for position, fallback in enumerate(fallbacks):
        RouteFallback.objects.create(route=made, position=position, version=fallback)
    return load_route(made.name)


def with_rule(version: ModelVersion, to: ModelVersion, **conditions: Any) -> Route:
    made = route(version)
    RouteRule.objects.create(route=made, position=0, version=to, **conditions)
    return load_route(made.name)


def is_met(given: Route, **facts: Any) -> bool:
    known = {"task": Task.CHAT, "text": "What is that?", "collections": (), "choice": "", **facts}
    return routing.choose_rule(given, **known) is not None


@pytest.mark.parametrize(
    "condition,met,not_met",
    [
        ({"choice": "fast"}, {"choice": "fast"}, {"choice": "slow"}),
        ({"choice": "fast"}, {"choice": "fast"}, {}),
        ({"collection": "hr"}, {"collections": ["it", "hr"]}, {"collections": ["it"]}),
        ({"collection": "hr"}, {"collections": ["hr"]}, {}),
        ({"language": "de"}, {"text": "Wie viele Urlaubstage habe ich?"}, {"text": "How many days do I have?"}),
        ({"min_characters": 5}, {"text": "12345"}, {"text": "1234"}),
        ({"max_characters": 5}, {"text": "12345"}, {"text": "123456"}),
        ({"task": "title"}, {"task": Task.TITLE}, {"task": Task.CHAT}),
        ({"choice": "fast", "collection": "hr"}, {"choice": "fast", "collections": ["hr"]}, {"choice": "fast"}),
    ],
)
def test_a_rule_wants_all_its_conditions(
    big: ModelVersion,
    small: ModelVersion,
    condition: dict[str, Any],
    met: dict[str, Any],
    not_met: dict[str, Any],
) -> None:
    given = with_rule(big, small, **condition)
    assert is_met(given, **met)
    assert not is_met(given, **not_met)


def test_the_first_rule_that_is_met_counts(big: ModelVersion, small: ModelVersion) -> None:
    made = route(big)
    RouteRule.objects.create(route=made, position=2, version=big, choice="fast", collection="hr")
    RouteRule.objects.create(route=made, position=1, version=small, choice="fast")
    facts: dict[str, Any] = {"task": Task.CHAT, "text": "?", "collections": ["hr"], "choice": "fast"}
    rule = routing.choose_rule(load_route(made.name), **facts)
    assert rule is not None
    assert rule.version == small


def test_a_rule_that_would_let_text_out_is_passed_over(big: ModelVersion, outside: ModelVersion) -> None:
    assert not is_met(with_rule(big, outside, min_characters=1))
    Route.objects.update(may_leave_company=True)
    assert is_met(load_route(Route.DEFAULT))


def test_the_draw_of_a_user_stays_and_users_spread_evenly() -> None:
    users = [UUID(int=number) for number in range(10_000)]
    draws = [routing.draw_of(user, "default") for user in users]
    assert draws == [routing.draw_of(user, "default") for user in users]
    assert set(draws) <= set(range(10_000))
    tenths = Counter(draw // 1000 for draw in draws)
    assert all(880 < tenths[tenth] < 1120 for tenth in range(10))  # Four standard deviations of 30.
    assert draws != [routing.draw_of(user, "other") for user in users]


def test_fallbacks_come_in_order_and_each_once(big: ModelVersion, small: ModelVersion) -> None:
    third = make_version("third")
    given = route(big, fallbacks=(big, small, third))
    path, at = [big.name], big
    while (
        following := routing.next_fallback(
            given, tried=routing.tried_before(given, started_from=big, version=at), started_from=big
        )
    ) is not None:
        at = following
        path.append(at.name)
    assert path == ["big", "small", "third"]


def test_the_baseline_of_a_rollout_comes_first_unless_it_has_its_place(big: ModelVersion, small: ModelVersion) -> None:
    candidate, baseline = make_version("candidate"), make_version("baseline")
    given = route(big, fallbacks=(small,))
    tried = {candidate.id}

    def following() -> ModelVersion | None:
        return routing.next_fallback(given, tried=tried, started_from=candidate, baseline=baseline)

    assert following() == baseline
    tried.add(baseline.id)
    assert following() == small
    assert routing.next_fallback(given, tried={candidate.id}, started_from=candidate, baseline=small) == small
    outside = make_version("outside", leaves=True)
    assert routing.next_fallback(given, tried={small.id}, started_from=candidate, baseline=outside) is None


def test_what_began_in_the_middle_of_the_chain_goes_round(big: ModelVersion, small: ModelVersion) -> None:
    given = route(big, fallbacks=(big, small))
    tried = routing.tried_before(given, started_from=small, version=small)
    assert routing.next_fallback(given, tried=tried, started_from=small) == big
    tried = routing.tried_before(given, started_from=small, version=big)
    assert routing.next_fallback(given, tried=tried, started_from=small) is None


@pytest.mark.parametrize("may_leave", [False, True])
def test_an_answer_that_began_inside_never_leaves(
    big: ModelVersion, small: ModelVersion, outside: ModelVersion, may_leave: bool
) -> None:
    given = route(big, fallbacks=(outside, small), may_leave_company=may_leave)
    assert routing.next_fallback(given, tried={big.id}, started_from=big) == small
    assert routing.next_fallback(given, tried={big.id, small.id}, started_from=big) is None


def test_an_answer_that_began_outside_may_go_on_outside(big: ModelVersion, outside: ModelVersion) -> None:
    other = make_version("other", leaves=True)
    given = route(outside, fallbacks=(other, big), may_leave_company=True)
    assert routing.next_fallback(given, tried={outside.id}, started_from=outside) == other


def test_the_version_for_a_task_is_the_rules_or_the_routes(
    big: ModelVersion, small: ModelVersion, outside: ModelVersion
) -> None:
    assert routing.version_for_task(Task.TITLE) is None
    given = with_rule(big, small, task="title")
    assert (routing.version_for_task(Task.TITLE), routing.version_for_task(Task.SUMMARY)) == (small, big)
    RouteRule.objects.update(version=outside)
    assert routing.version_for_task(Task.TITLE) == big
    Route.objects.update(version=outside)
    assert routing.version_for_task(Task.TITLE) is None
    Route.objects.update(may_leave_company=True)
    assert routing.version_for_task(Task.TITLE) == outside
    assert given.name == Route.DEFAULT


def test_choices_are_those_of_rules_that_may_be_used(
    big: ModelVersion, small: ModelVersion, outside: ModelVersion
) -> None:
    made = route(big)
    for position, (choice, version) in enumerate([("slow", small), ("fast", small), ("wide", outside), ("slow", big)]):
        RouteRule.objects.create(route=made, position=position, version=version, choice=choice)
    RouteRule.objects.create(route=made, position=9, version=small, language="de")
    assert list_choices() == ["slow", "fast"]
    assert list_choices("other") == []


def test_the_safe_answer_is_the_routes_own_or_the_common_one(big: ModelVersion) -> None:
    given = route(big)
    assert routing.safe_answer(given) == SAFE_ANSWER
    given.safe_answer = "Call 4711."
    assert routing.safe_answer(given) == "Call 4711."
