"""The check that asks a moderation service; what servers can do wrong is in inference's tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.inference import services
from chatapp.inference.models import Endpoint, ModelVersion
from chatapp.inference.tests.fake_provider import KEY, Exchange, FakeProvider, Respond, provider
from chatapp.moderation.checks import external
from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.examiner import ExaminerError, Hit
from chatapp.moderation.checks.remote import RemoteExaminer, let_out, refuse_unknown_names
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.models import PolicyVersion
from chatapp.moderation.policy import active_policies
from chatapp.moderation.services import create_policy_version

SPEC = {"kind": "external", "stage": "output", "action": "block", "service": "openai", "version": "harm"}
WORDS = {"kind": "pattern", "stage": "output", "action": "block", "words": ["x"]}


def check_of(**changes: Any) -> Check:
    return build_checks([{**SPEC, **changes}])[0]


def look(check: Check, *texts: str) -> list[list[Hit]]:
    assert check.examiner is not None
    return check.examiner.examine(texts)


def openai(**scores: float) -> Respond:
    named = {"hate": 0.1, "violence": 0.1, **{name.replace("_", "/"): score for name, score in scores.items()}}
    return lambda exchange: exchange.send(
        200, {"results": [{"category_scores": named} for _ in exchange.asked.body["input"]]}
    )


def hang(exchange: Exchange) -> None:
    exchange.wait_until_client_leaves()


def azure(exchange: Exchange) -> None:
    exchange.send(200, {"categoriesAnalysis": [{"category": "Hate", "severity": 2}]})


@pytest.fixture(autouse=True)
def no_client_from_before() -> Iterator[None]:
    yield
    if external._client.cache_info().currsize:
        external._client("harm")[1].close()
        external._client.cache_clear()


@pytest.fixture
def server() -> Iterator[FakeProvider]:
    with provider(openai()) as server:
        yield server


def register(server: FakeProvider, *, preset: str = "openai") -> ModelVersion:
    return services.register_version(
        user=None,
        name="harm",
        provider="moderation",
        preset=preset,
        endpoints=[{"url": server.url, "key": KEY}],
        may_leave_company=False,
        context_tokens=4096,
    )


@pytest.mark.django_db
def test_the_category_furthest_beyond_its_limit_is_the_hit(server: FakeProvider) -> None:
    register(server)
    server.respond = openai(hate=0.9, violence=0.4)
    check = check_of(categories={"hate": 0.95, "violence": 0.2})
    [[hit]] = look(check, "I hate to wait.")
    assert (hit.start, hit.end, hit.label) == (0, 15, "violence")
    assert hit.score == pytest.approx(0.625)
    assert check.threshold == 0.5


@pytest.mark.django_db
@pytest.mark.parametrize("score,is_beyond", [(0.39, False), (0.4, True), (0.41, True), (1.0, True), (0.0, False)])
def test_the_limit_is_the_threshold(server: FakeProvider, score: float, is_beyond: bool) -> None:
    register(server)
    server.respond = openai(hate=score)
    [[hit]] = look(check_of(categories={"hate": 0.4}), "text")
    assert (hit.score >= 0.5) is is_beyond
    assert 0 <= hit.score <= 1


@pytest.mark.django_db
def test_windows_go_in_one_request_and_hits_come_in_their_order(server: FakeProvider) -> None:
    register(server)
    hits = look(check_of(), "one", "second")
    assert [hit[0].end for hit in hits] == [3, 6]
    assert [asked.body["input"] for asked in server.asked] == [["one", "second"]]


@pytest.mark.django_db
def test_azure_counts_in_severities(server: FakeProvider) -> None:
    register(server, preset="azure")
    server.respond = azure
    [[hit]] = look(check_of(service="azure", categories={"Hate": 2}), "text")
    assert (hit.label, hit.score) == ("Hate", 0.5)
    [[hit]] = look(check_of(service="azure"), "text")
    assert hit.score == 0.25


@pytest.mark.django_db
def test_text_that_may_not_leave_is_not_sent(server: FakeProvider) -> None:
    outside = ModelVersion.objects.create(
        name="harm", provider="moderation", preset="openai", may_leave_company=True, context_tokens=4096
    )
    Endpoint.objects.create(version=outside, url=server.url)
    check = check_of()
    with pytest.raises(ExaminerError, match="may not leave the company"):
        look(check, "salaries")
    assert server.asked == []
    assert let_out(check) is let_out(check)
    look(let_out(check), "salaries")
    assert len(server.asked) == 1


@pytest.mark.django_db
def test_a_service_of_another_shape_is_not_asked(server: FakeProvider) -> None:
    register(server, preset="azure")
    with pytest.raises(ExaminerError, match="is a service of azure"):
        look(check_of(), "text")
    assert server.asked == []


@pytest.mark.django_db
def test_what_goes_wrong_is_the_fail_rules_to_judge(server: FakeProvider) -> None:
    with pytest.raises(ExaminerError, match="no model version named harm"):
        look(check_of(), "text")
    register(server)
    server.respond = lambda exchange: exchange.send(500)
    with pytest.raises(ExaminerError, match="answered 500"):
        look(check_of(), "text")
    server.respond = hang
    with pytest.raises(ExaminerError, match="took too long"):
        look(check_of(budget_ms=200), "text")


@pytest.mark.django_db
def test_a_service_that_keeps_failing_is_left_alone(server: FakeProvider) -> None:
    register(server)
    server.respond = lambda exchange: exchange.send(503)
    for _ in range(8):
        with pytest.raises(ExaminerError):
            look(check_of(), "text")
    assert len(server.asked) < 8


@pytest.mark.django_db
def test_names_that_do_not_exist_are_refused_when_the_policy_is_made(server: FakeProvider) -> None:
    with pytest.raises(ChatappError, match=r"checks\[1\]: version must name a moderation service"):
        refuse_unknown_names([build_checks([WORDS])[0], check_of()])
    register(server)
    refuse_unknown_names([check_of()])
    with pytest.raises(ChatappError, match="is a service of openai, not of azure"):
        refuse_unknown_names([check_of(service="azure")])


@pytest.mark.parametrize(
    "changes,said",
    [
        ({"service": "other"}, "service must be one of openai, azure"),
        ({"service": None}, "service must be one of"),
        ({"service": ["openai"]}, "service must be one of"),
        ({"version": ""}, "version must be a text"),
        ({"version": "a\0"}, "version must be a text"),
        ({"categories": {}}, "categories must be an object"),
        ({"categories": ["hate"]}, "categories must be an object"),
        ({"categories": {"Hate": 4}}, "categories.Hate is none of"),
        ({"categories": {"hate": 2}}, "hate must be a number from"),
        ({"categories": {"hate": 0}}, "hate must be a number from"),
        ({"categories": {"hate": True}}, "hate must be a number from"),
        ({"budget_ms": 0}, "budget_ms must be a number from"),
        ({"url": "https://elsewhere.example"}, "url is not a field"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ChatappError) as refused:
        check_of(**changes)
    assert said in refused.value.message


@pytest.mark.django_db
def test_the_route_decides_whether_text_may_leave(server: FakeProvider) -> None:
    register(server)
    chat = services.register_version(user=None, name="chat", provider="scripted", context_tokens=4096)
    services.configure_route(user=None, name="inside", version=chat)
    services.configure_route(user=None, name="outside", version=chat, may_leave_company=True)
    create_policy_version(user=None, name="company", checks=[SPEC], activate=True)

    def may_leave(route: str) -> bool:
        [check] = active_policies(route=route).checks
        assert isinstance(check.examiner, RemoteExaminer)
        return check.examiner.may_leave

    assert [may_leave(route) for route in ("inside", "outside", "unknown", "")] == [False, True, False, False]


@pytest.mark.django_db
def test_a_policy_that_names_what_does_not_exist_is_not_made() -> None:
    with pytest.raises(ChatappError, match="version must name a moderation service"):
        create_policy_version(user=None, name="company", checks=[SPEC], activate=True)
    assert not PolicyVersion.objects.exists()


@pytest.mark.django_db
def test_a_service_that_a_policy_asks_is_not_retired_under_it(server: FakeProvider, oscar: User, ada: User) -> None:
    version = register(server)
    policy = create_policy_version(user=ada, name="harm", checks=[SPEC], activate=True)
    for close in (services.retire_version, services.reject_version):
        with pytest.raises(ChatappError, match="in use by policy harm@1"):
            close(user=oscar, version=version, reason="It is too dear.")
    PolicyVersion.objects.filter(pk=policy.pk).update(state="retired")
    services.retire_version(user=oscar, version=version)
