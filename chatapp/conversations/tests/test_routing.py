"""From a question to the version that is claimed for it: rule, draw, arm, route; and the data policy in the claim."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Conversation, Generation, Status
from chatapp.conversations.queue import claim_next
from chatapp.conversations.tests.conftest import Ask
from chatapp.errors import ChatappError
from chatapp.inference import routing
from chatapp.inference.models import ModelVersion, Route, RouteArm, RouteRule
from chatapp.inference.services import RuleSpec, configure_route
from tests.versions import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def small() -> ModelVersion:
    return make_version("small")


@pytest.fixture
def outside() -> ModelVersion:
    return make_version("outside", leaves=True)


def configure(version: ModelVersion, **parts: Any) -> Route:
    return configure_route(user=None, version=version, **{"name": Route.DEFAULT, **parts})


def claim() -> Generation | None:
    """By a worker that serves everything."""
    return claim_next(worker="w", version_ids=list(ModelVersion.objects.values_list("id", flat=True)))


def claimed_version() -> str:
    generation = claim()
    assert generation is not None
    assert generation.version is not None
    return generation.version.name


def post(user: User, text: str = "Hello?", **options: Any) -> Generation:
    return services.post_message(user=user, text=text, message_id=uuid4(), conversation_id=uuid4(), **options)


def post_api(user: User, **options: Any) -> Generation:
    given: dict[str, Any] = {
        "messages": [{"role": "user", "content": "Hello?"}],
        "version": None,
        "collections": [],
        "conversation_id": None,
        "max_tokens": None,
        "sampling": {},
        "stop": [],
        **options,
    }
    return services.post_api_chat(user=user, **given)


class TestTheClaim:
    def test_without_more_the_routes_version_answers(self, alice: User, scripted: ModelVersion) -> None:
        post(alice)
        assert claimed_version() == "scripted"

    def test_an_arm_takes_the_users_whose_draw_is_in_it(
        self, alice: User, scripted: ModelVersion, small: ModelVersion
    ) -> None:
        draw = post(alice).draw
        assert draw == routing.draw_of(alice.id, Route.DEFAULT)
        arm = RouteArm.objects.create(route_id=Route.DEFAULT, version=small, starts_at=draw, ends_at=draw + 1)
        assert claimed_version() == "small"
        for edges in ((0, draw), (draw + 1, 10_000)):
            RouteArm.objects.filter(id=arm.id).update(starts_at=edges[0], ends_at=edges[1])
            post(alice)
            assert claimed_version() == "scripted"

    def test_a_rule_goes_before_an_arm(self, alice: User, scripted: ModelVersion, small: ModelVersion) -> None:
        other = make_version("other")
        configure(scripted, arms=[(other, 100)], rules=[RuleSpec(version=small, max_characters=5)])
        post(alice, "Short")
        assert claimed_version() == "small"
        post(alice, "Longer than that")
        assert claimed_version() == "other"

    def test_what_the_caller_names_goes_before_all(
        self, alice: User, scripted: ModelVersion, small: ModelVersion
    ) -> None:
        configure(scripted, arms=[(small, 100)], rules=[RuleSpec(version=small, min_characters=1)])
        generation = post_api(alice, version=scripted)
        assert generation.is_pinned
        assert claimed_version() == "scripted"

    def test_a_changed_route_reaches_what_waits_and_running_answers_keep_theirs(
        self, alice: User, bob: User, scripted: ModelVersion, small: ModelVersion
    ) -> None:
        configure(scripted, rules=[RuleSpec(version=scripted, max_characters=5)])
        running, by_rule, by_route = post(alice), post(bob, "Short"), post(bob, "Longer than that")
        first = claim()
        assert first is not None
        assert first.id == running.id
        configure(small, rules=[RuleSpec(version=small, max_characters=5)])
        assert [claimed_version(), claimed_version()] == ["small", "small"]
        running.refresh_from_db()
        by_rule.refresh_from_db()
        assert (running.version, by_rule.rule is not None, by_route.rule) == (scripted, True, None)

    def test_a_rule_that_was_deleted_no_longer_counts(
        self, alice: User, scripted: ModelVersion, small: ModelVersion
    ) -> None:
        configure(scripted, rules=[RuleSpec(version=small, min_characters=1)])
        generation = post(alice)
        assert generation.rule is not None
        configure(scripted)
        assert claimed_version() == "scripted"

    def test_a_retry_after_a_lost_worker_keeps_the_version(
        self, alice: User, scripted: ModelVersion, small: ModelVersion
    ) -> None:
        post(alice)
        assert claimed_version() == "scripted"
        Generation.objects.update(status=Status.QUEUED)
        configure(small)
        assert claimed_version() == "scripted"

    @pytest.mark.parametrize("way", ["route", "arm", "rule", "pinned", "fallback"])
    def test_no_way_leads_out_of_a_company_that_keeps_its_text(
        self, alice: User, scripted: ModelVersion, outside: ModelVersion, way: str
    ) -> None:
        """Written into the tables past every check, as by hand in a database shell."""
        post(alice)
        if way == "route":
            Route.objects.update(version=outside)
        elif way == "arm":
            RouteArm.objects.create(route_id=Route.DEFAULT, version=outside, starts_at=0, ends_at=10_000)
        elif way == "rule":
            rule = RouteRule.objects.create(route_id=Route.DEFAULT, version=outside, position=0)
            Generation.objects.update(rule=rule)
        else:
            Generation.objects.update(version=outside, fallback_from=scripted if way == "fallback" else None)
        assert claim() is None
        Route.objects.update(may_leave_company=True)
        assert (claim() is None) == (way == "fallback")  # It began inside, so it never leaves.


class TestAsking:
    def test_the_choice_is_kept_with_the_conversation_and_rules_use_it(
        self, alice: User, scripted: ModelVersion, small: ModelVersion
    ) -> None:
        configure(scripted, rules=[RuleSpec(version=small, choice="fast")])
        first = post(alice, choice="fast")
        assert first.message.conversation.choice == "fast"
        assert claimed_version() == "small"
        Generation.objects.update(status=Status.COMPLETE)
        again = services.regenerate(user=alice, message_id=first.message_id)
        assert again.rule == first.rule
        Generation.objects.update(status=Status.COMPLETE)
        question = first.message.parent
        assert question is not None
        edited = services.edit_message(user=alice, message_id=question.id, new_id=uuid4(), text="Hi", choice="")
        assert edited.rule is None
        assert Conversation.objects.get().choice == ""

    @pytest.mark.parametrize("choice", ["x" * 33, "a\0b"])
    def test_a_choice_that_nobody_offered_is_refused_or_counts_as_none(
        self, alice: User, scripted: ModelVersion, small: ModelVersion, choice: str
    ) -> None:
        configure(scripted, rules=[RuleSpec(version=small, choice="fast")])
        assert post(alice, choice="no longer offered").rule is None
        with pytest.raises(ChatappError, match="at most 32") as refused:
            post(alice, choice=choice)
        assert refused.value.code == "invalid"

    def test_a_rule_by_collection_counts_where_it_is_asked_by_name(
        self, alice: User, scripted: ModelVersion, small: ModelVersion
    ) -> None:
        configure(scripted, rules=[RuleSpec(version=small, collection="hr")])
        assert post_api(alice, collections=["hr"]).rule is not None
        assert post_api(alice, collections=["it"]).rule is None
        assert post(alice).rule is None

    def test_a_rule_by_language_counts(self, alice: User, scripted: ModelVersion, small: ModelVersion) -> None:
        configure(scripted, rules=[RuleSpec(version=small, language="de")])
        assert post(alice, "Wie viele Urlaubstage habe ich?").rule is not None
        assert post(alice, "How many days of holiday do I have?").rule is None

    def test_a_route_that_the_caller_names_is_the_conversations(
        self, alice: User, scripted: ModelVersion, small: ModelVersion
    ) -> None:
        configure(small, name="light")
        first = post_api(alice, route="light")
        assert (first.route_id, first.draw) == ("light", routing.draw_of(alice.id, "light"))
        assert claimed_version() == "small"
        Generation.objects.update(status=Status.COMPLETE)
        assert post_api(alice, conversation_id=first.message.conversation_id).route_id == "light"

    def test_a_version_to_which_text_leaves_needs_leave_of_both_routes(
        self, alice: User, scripted: ModelVersion, outside: ModelVersion
    ) -> None:
        configure(scripted, name="closed")
        with pytest.raises(ChatappError, match="leaves the company") as refused:
            post_api(alice, version=outside)
        assert (refused.value.code, refused.value.status) == ("model_not_allowed", 403)
        configure(scripted, may_leave_company=True)
        assert post_api(alice, version=outside).version == outside
        inside = post_api(alice, route="closed")
        Generation.objects.update(status=Status.COMPLETE)
        with pytest.raises(ChatappError, match="route closed"):
            post_api(alice, version=outside, conversation_id=inside.message.conversation_id)

    def test_an_open_route_is_no_way_round_the_default_one(
        self, alice: User, scripted: ModelVersion, outside: ModelVersion
    ) -> None:
        configure(outside, name="open", may_leave_company=True)
        opened = post_api(alice, route="open")
        assert claimed_version() == "outside"
        Generation.objects.update(status=Status.COMPLETE)
        with pytest.raises(ChatappError, match="route default"):
            post_api(
                alice, version=make_version("elsewhere", leaves=True), conversation_id=opened.message.conversation_id
            )

    def test_without_any_route_a_question_gets_a_sentence(self, alice: User) -> None:
        with pytest.raises(ChatappError) as refused:
            post(alice)
        assert refused.value.code == "model_unavailable"


def test_a_claim_passes_over_what_it_may_not_take(
    alice: User, bob: User, ask: Ask, scripted: ModelVersion, outside: ModelVersion
) -> None:
    stuck, free = ask(alice), ask(bob)
    Generation.objects.filter(id=stuck.id).update(version=outside, created_at=Now() - timedelta(hours=1))
    found = claim()
    assert found is not None
    assert (found.id, claim()) == (free.id, None)
