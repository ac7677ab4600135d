"""Routes as operators write them: kept whole, refused with a sentence, never against the data policy."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.inference import selectors, services
from chatapp.inference.models import ModelVersion, Route, RouteRule
from chatapp.inference.services import RuleSpec
from tests.people import make_person
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


def configure(user: User | None, version: ModelVersion, **parts: Any) -> Route:
    return services.configure_route(user=user, version=version, **{"name": "default", **parts})


def shape(route: Route) -> dict[str, Any]:
    return {
        "version": route.version.name,
        "arms": [(arm.version.name, arm.starts_at, arm.ends_at) for arm in route.arms.all()],
        "rules": [(rule.version.name, rule.choice, rule.language) for rule in route.rules.all()],
        "fallbacks": [fallback.version.name for fallback in route.fallbacks.all()],
    }


def test_a_route_is_kept_as_it_was_written(oscar: User, big: ModelVersion, small: ModelVersion) -> None:
    third = make_version("third")
    configure(
        oscar,
        big,
        arms=[(third, 12.5), (small, 50)],
        rules=[RuleSpec(version=small, choice="fast"), RuleSpec(version=third, language="de")],
        fallbacks=[small, big],
        safe_answer="Call 4711.",
        description="For all.",
    )
    route = selectors.get_route_for(oscar, "default")
    assert shape(route) == {
        "version": "big",
        "arms": [("third", 0, 1250), ("small", 1250, 6250)],
        "rules": [("small", "fast", ""), ("third", "", "de")],
        "fallbacks": ["small", "big"],
    }
    assert (route.safe_answer, route.description, route.updated_by) == ("Call 4711.", "For all.", oscar)
    event = AuditEvent.objects.get(action="inference.route_configured")
    assert (event.action, event.actor, event.object_id) == ("inference.route_configured", oscar, "default")
    assert event.detail["arms"] == [["third", 12.5], ["small", 50.0]]


def test_what_is_not_given_is_gone_and_what_changed_is_audited(
    oscar: User, big: ModelVersion, small: ModelVersion
) -> None:
    configure(oscar, big, arms=[(small, 5)], rules=[RuleSpec(version=small, choice="fast")], fallbacks=[small])
    configure(oscar, big, fallbacks=[small])
    assert shape(selectors.load_route("default")) == {
        "version": "big",
        "arms": [],
        "rules": [],
        "fallbacks": ["small"],
    }
    newest = AuditEvent.objects.filter(action="inference.route_configured").first()
    assert newest is not None
    assert newest.detail == {"route": "default", "arms": [], "rules": []}
    configure(oscar, big, fallbacks=[small])
    assert AuditEvent.objects.filter(action="inference.route_configured").count() == 2


def test_a_rule_whose_conditions_stay_is_the_same_rule(oscar: User, big: ModelVersion, small: ModelVersion) -> None:
    fast, german = RuleSpec(version=small, choice="fast"), RuleSpec(version=small, language="de")
    configure(oscar, big, rules=[fast, german])
    before = {rule.choice: rule.id for rule in RouteRule.objects.all()}
    configure(
        oscar, big, rules=[RuleSpec(version=small, max_characters=9), german, RuleSpec(version=big, choice="fast")]
    )
    after = list(RouteRule.objects.all())
    assert [rule.max_characters for rule in after] == [9, None, None]
    assert [after[2].id, after[1].id] == [before["fast"], before[""]]
    assert after[2].version == big


@pytest.mark.parametrize(
    "change,words",
    [
        ({"name": ""}, "name must be"),
        ({"name": "Default"}, "name must be"),
        ({"name": "a\n"}, "name must be"),
        ({"name": "x" * 65}, "name must be"),
        ({"name": "small"}, "that of a model version"),
        ({"description": "x" * 301}, "description must be"),
        ({"safe_answer": "\0"}, "safe_answer must be"),
        ({"arms": [("small", 60), ("third", 41)]}, "add up to 101 percent"),
        ({"arms": [("small", 1), ("small", 1)]}, "twice among the arms"),
        ({"arms": [("small", 0)]}, "from 0.01 to 100"),
        ({"arms": [("small", -1)]}, "from 0.01 to 100"),
        ({"arms": [("small", float("nan"))]}, "from 0.01 to 100"),
        ({"arms": [("small", 1)] * 11}, "at most 10 arms"),
        ({"rules": [{}]}, "at least one condition"),
        ({"rules": [{"task": "sing"}]}, "task of a rule is one of"),
        ({"rules": [{"language": "german"}]}, "ISO 639-1"),
        ({"rules": [{"collection": "a b"}]}, "by its slug"),
        ({"rules": [{"choice": "<b>"}]}, "a word or two"),
        ({"rules": [{"choice": "x" * 33}]}, "a word or two"),
        ({"rules": [{"min_characters": -1}]}, "whole number of characters"),
        ({"rules": [{"max_characters": True}]}, "whole number of characters"),
        ({"rules": [{"min_characters": 9, "max_characters": 8}]}, "above max_characters"),
        ({"rules": [{"choice": "a"}, {"choice": "a"}]}, "the same conditions"),
        ({"rules": [{"min_characters": number} for number in range(51)]}, "at most 50 rules"),
        ({"fallbacks": ["small", "third", "small"]}, "twice among the fallbacks"),
        ({"fallbacks": ["small"] * 11}, "at most 10 fallbacks"),
        ({"version": "outside"}, "text sent to outside leaves the company"),
        ({"arms": [("outside", 1)]}, "text sent to outside leaves the company"),
        ({"rules": [{"choice": "a", "version": "outside"}]}, "text sent to outside leaves the company"),
        ({"fallbacks": ["outside"]}, "text sent to outside leaves the company"),
    ],
)
def test_a_wrong_route_is_refused_with_a_sentence(
    oscar: User, big: ModelVersion, small: ModelVersion, outside: ModelVersion, change: dict[str, Any], words: str
) -> None:
    known = {version.name: version for version in (big, small, outside, make_version("third"))}
    parts = dict(change)
    version = known[parts.pop("version", "big")]
    if "arms" in parts:
        parts["arms"] = [(known[name], share) for name, share in parts["arms"]]
    if "rules" in parts:
        parts["rules"] = [
            RuleSpec(**{**rule, "version": known[rule.get("version", "small")]}) for rule in parts["rules"]
        ]
    if "fallbacks" in parts:
        parts["fallbacks"] = [known[name] for name in parts["fallbacks"]]
    with pytest.raises(ChatappError, match=words) as refused:
        configure(oscar, version, **parts)
    assert refused.value.code == "invalid"
    assert not Route.objects.exists()


@pytest.mark.parametrize("name", ["alice", "mallory", "mona"])
def test_those_who_do_not_operate_models_see_and_change_nothing(name: str, big: ModelVersion) -> None:
    user = make_person(name)
    configure(None, big)
    assert not selectors.list_routes_for(user)
    for wanted in ("default", "other", "a\0"):
        with pytest.raises(ChatappError) as hidden:
            selectors.get_route_for(user, wanted)
        assert hidden.value.code == "not_found"
    with pytest.raises(ChatappError) as refused:
        configure(user, big, safe_answer="Mine.")
    assert refused.value.code == "forbidden"
    assert selectors.load_route("default").safe_answer == ""


def test_serving_another_version_keeps_the_rest_of_the_route(
    oscar: User, big: ModelVersion, small: ModelVersion
) -> None:
    configure(oscar, big, arms=[(small, 5)], rules=[RuleSpec(version=small, choice="fast")], fallbacks=[small])
    services.set_serving_version(user=oscar, version=small)
    assert shape(selectors.load_route("default")) == {
        "version": "small",
        "arms": [("small", 0, 500)],
        "rules": [("small", "fast", "")],
        "fallbacks": ["small"],
    }


def test_a_version_to_which_text_leaves_serves_only_where_it_may(
    oscar: User, big: ModelVersion, outside: ModelVersion
) -> None:
    for existing in (False, True):
        if existing:
            configure(oscar, big)
        with pytest.raises(ChatappError, match="leaves the company") as refused:
            services.set_serving_version(user=oscar, version=outside)
        assert refused.value.code == "invalid"
    configure(oscar, big, may_leave_company=True)
    assert services.set_serving_version(user=oscar, version=outside).version == outside


def test_a_route_that_lets_text_out_cannot_be_closed_over_its_versions(
    oscar: User, big: ModelVersion, outside: ModelVersion
) -> None:
    configure(oscar, big, fallbacks=[outside], may_leave_company=True)
    with pytest.raises(ChatappError, match="leaves the company"):
        configure(oscar, big, fallbacks=[outside])
    assert selectors.load_route("default").may_leave_company


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), may_leave=st.booleans())
def test_no_stored_route_names_a_version_that_its_policy_forbids(
    data: st.DataObject, may_leave: bool, big: ModelVersion, small: ModelVersion, outside: ModelVersion
) -> None:
    one = st.sampled_from([big, small, outside])
    version = data.draw(one)
    arms = [(arm, 10.0) for arm in data.draw(st.lists(one, max_size=3, unique_by=lambda v: v.name))]
    rules = [RuleSpec(version=data.draw(one), min_characters=n) for n in range(data.draw(st.integers(0, 3)))]
    fallbacks = data.draw(st.lists(one, max_size=3, unique_by=lambda v: v.name))
    named = [version, *(arm for arm, _ in arms), *(rule.version for rule in rules), *fallbacks]
    plan: dict[str, Any] = {"arms": arms, "rules": rules, "fallbacks": fallbacks, "may_leave_company": may_leave}
    if outside in named and not may_leave:
        with pytest.raises(ChatappError, match="leaves the company"):
            configure(None, version, **plan)
    else:
        assert shape(configure(None, version, **plan))["fallbacks"] == [fallback.name for fallback in fallbacks]
