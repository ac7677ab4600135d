"""Blind comparisons: started, prepared, voted on, ended."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, User
from chatapp.conversations.models import Conversation, Generation, Message, MessageRole, Origin, Status
from chatapp.conversations.services import delete_conversation
from chatapp.conversations.shadow_models import ShadowAnswer
from chatapp.errors import ChatappError
from chatapp.evaluation import selectors, services
from chatapp.evaluation.comparing.sides import side_of
from chatapp.evaluation.models import (
    Audience,
    Choice,
    Comparison,
    ComparisonPair,
    ComparisonState,
    PairState,
    QuestionsFrom,
    Vote,
)
from chatapp.evaluation.tests.comparing import answer_trials, make_versions, opened, prepare, start
from chatapp.inference.models import Rollout, RolloutKind, Route, VersionState
from chatapp.moderation.models import Exchange
from chatapp.moderation.personal import find_by_form
from chatapp.retrieval.models import AccessRole, Collection, CollectionAccess, GoldenQuestion
from tests.people import make_person
from tests.versions import make_version


@pytest.fixture(autouse=True)
def route(db: None) -> Route:
    return Route.objects.create(name=Route.DEFAULT, version=make_version("serving"))


@pytest.fixture
def collection(oscar: User) -> Collection:
    """Oscar's; group `pumps` may read it."""
    collection = Collection.objects.create(name="Pumps", slug="pumps", created_by=oscar)
    group = Group.objects.create(name="pumps")
    CollectionAccess.objects.create(collection=collection, group=group, role=AccessRole.READER)
    return collection


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(ChatappError) as raised:
        act()
    return raised.value.code


class TestStarting:
    @pytest.mark.parametrize("name", ["alice", "mona", "mallory"])
    def test_only_operators_may(self, name: str, request: pytest.FixtureRequest) -> None:
        assert refusal(lambda: start(request.getfixturevalue(name), "What?")) == "forbidden"

    @pytest.mark.parametrize(
        "options",
        [
            {"questions_from": "nowhere"},
            {"audience": "everybody"},
            {"votes_wanted": 0},
            {"votes_wanted": 51},
            {"most_pairs": 0},
            {"most_pairs": 201},
            {"questions": ["", " \n"]},
            {"questions": ["x" * 4001]},
            {"questions": ["x"] * 201},
            {"questions_from": QuestionsFrom.GOLDEN},
            {"questions_from": QuestionsFrom.SHADOW},
            {"questions_from": QuestionsFrom.SHADOW, "audience": Audience.VOLUNTEERS},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, oscar: User, options: dict[str, Any]) -> None:
        assert refusal(lambda: start(oscar, "What?", **options)) == "invalid"
        assert not Comparison.objects.exists()

    def test_versions_that_answer_nobody_are_refused(self, oscar: User) -> None:
        first, rejected = make_version("one"), make_version("two", state=VersionState.REJECTED)
        assert refusal(lambda: start(oscar, "What?", first=first, second=rejected)) == "invalid"
        assert refusal(lambda: start(oscar, "What?", first=first, second=first)) == "invalid"

    def test_a_collection_that_the_starter_may_not_read_is_not_there(self, ada: User, collection: Collection) -> None:
        assert refusal(lambda: start(ada, "What?", collection=collection)) == "not_found"

    def test_no_more_than_a_few_run(self, oscar: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("chatapp.evaluation.services.comparisons.MAX_LIVE", 1)
        comparison = start(oscar, "What?")
        again = {"first": comparison.first, "second": comparison.second}
        assert refusal(lambda: start(oscar, "What?", **again)) == "too_many_comparisons"

    def test_it_is_audited_without_the_questions(self, oscar: User) -> None:
        start(oscar, "What?", reason="Try it")
        event = AuditEvent.objects.get(action="evaluation.comparison_started")
        assert event.detail == {"first": "old", "second": "new", "pairs": 1, "audience": "reviewers"}


class TestPreparing:
    def test_both_versions_are_asked_and_then_people_vote(self, oscar: User) -> None:
        comparison = start(oscar, "What?", "What?", "Why?")
        services.prepare_comparisons()
        trials = Generation.objects.select_related("message__conversation")
        assert {(trial.user, trial.is_pinned, trial.message.conversation.origin) for trial in trials} == {
            (oscar, True, Origin.TRIAL)
        }
        assert {tuple(trial.collections or ()) for trial in trials} == {()}
        assert prepare(comparison).state == ComparisonState.OPEN
        pairs = comparison.pairs.values_list("question", "first_text", "second_text", "state")
        assert list(pairs) == [
            ("What?", "old on What?", "new on What?", "ready"),
            ("Why?", "old on Why?", "new on Why?", "ready"),
        ]

    def test_a_few_at_a_time(self, oscar: User) -> None:
        start(oscar, *(f"Question {n}?" for n in range(9)))
        services.prepare_comparisons()
        services.prepare_comparisons()
        assert Generation.objects.count() == 4
        answer_trials()
        services.prepare_comparisons()
        assert Generation.objects.count() == 8

    def test_golden_questions_are_asked_of_their_collection(self, oscar: User, collection: Collection) -> None:
        for text, is_active in [("Which pump?", True), ("Old one?", False)]:
            GoldenQuestion.objects.create(collection=collection, text=text, is_active=is_active)
        comparison = start(oscar, questions_from=QuestionsFrom.GOLDEN, collection=collection)
        services.prepare_comparisons()
        assert {tuple(trial.collections or ()) for trial in Generation.objects.all()} == {("pumps",)}
        assert [pair.question for pair in comparison.pairs.all()] == ["Which pump?"]

    def test_an_answer_that_fails_leaves_its_pair_out(self, oscar: User) -> None:
        comparison = start(oscar, "What?", "Why?")
        services.prepare_comparisons()
        failing = str(comparison.pairs.get(ordinal=0).second_generation)
        Generation.objects.filter(pk=failing).update(
            status=Status.FAILED, error_code="model_error", finished_at=timezone.now()
        )
        assert prepare(comparison).state == ComparisonState.OPEN
        assert list(comparison.pairs.values_list("state", "error")) == [("failed", "model_error"), ("ready", "")]

    def test_without_any_pair_it_has_failed_and_says_why(self, oscar: User) -> None:
        comparison = start(oscar, "What?")
        services.prepare_comparisons()
        answer_trials(status=Status.BLOCKED)
        services.prepare_comparisons()
        comparison.refresh_from_db()
        assert (comparison.state, comparison.error) == (ComparisonState.FAILED, "blocked")

    def test_who_lost_the_right_asks_nothing_more(self, oscar: User) -> None:
        comparison = start(oscar, "What?")
        oscar.roles, oscar.own_roles = [], []
        oscar.save()
        services.prepare_comparisons()
        comparison.refresh_from_db()
        assert (comparison.state, comparison.error) == (ComparisonState.FAILED, "forbidden")
        assert not Generation.objects.exists()

    def test_nor_of_a_collection_that_was_closed_to_them(self, oscar: User, collection: Collection) -> None:
        comparison = start(oscar, "What?", collection=collection)
        Collection.objects.update(created_by=None)
        services.prepare_comparisons()
        comparison.refresh_from_db()
        assert comparison.state == ComparisonState.FAILED

    def test_a_full_queue_only_delays(self, oscar: User, settings: Any) -> None:
        comparison = start(oscar, "What?")
        settings.QUEUE_MAX_GENERATIONS = 0
        services.prepare_comparisons()
        assert not Generation.objects.exists()
        settings.QUEUE_MAX_GENERATIONS = 100
        assert prepare(comparison).state == ComparisonState.OPEN


class TestShadowPairs:
    @pytest.fixture
    def rollout(self, route: Route) -> Rollout:
        return Rollout.objects.create(
            route=route,
            kind=RolloutKind.SHADOW,
            baseline=route.version,
            candidate=make_version("new"),
            stage_started_at=timezone.now(),
        )

    @pytest.fixture(autouse=True)
    def names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only what has a strict form: the model for names has tests of its own."""
        monkeypatch.setattr(
            "chatapp.evaluation.comparing.masking.find_personal_data", lambda texts: list(map(find_by_form, texts))
        )

    def shadow(self, user: User, rollout: Rollout, *, original: str = "") -> Generation:
        conversation = Conversation.objects.create(owner=user)
        question = Message.objects.create(conversation=conversation, role=MessageRole.USER, text="q")
        answer = Message.objects.create(conversation=conversation, parent=question, role=MessageRole.ASSISTANT)
        generation = Generation.objects.create(
            message=answer,
            user=user,
            route=rollout.route,
            max_tokens=9,
            status=Status.COMPLETE,
            deadline_at=timezone.now() + timedelta(hours=1),
        )
        Exchange.objects.create(
            generation_id=generation.pk, user=user, question="I am jo@corp.example", answer="Old", original=original
        )
        ShadowAnswer.objects.create(generation=generation, rollout=rollout, text="New for jo@corp.example")
        return generation

    def start(self, user: User, rollout: Rollout) -> Comparison:
        return start(
            user,
            questions_from=QuestionsFrom.SHADOW,
            rollout=rollout,
            first=rollout.baseline,
            second=rollout.candidate,
        )

    def test_they_are_masked_and_for_reviewers(self, alice: User, oscar: User, mona: User, rollout: Rollout) -> None:
        self.shadow(alice, rollout)
        comparison = self.start(oscar, rollout)
        assert ComparisonPair.objects.get().question == ""
        services.prepare_comparisons()
        pair = ComparisonPair.objects.get()
        assert "jo@corp.example" not in pair.question + pair.second_text
        assert (pair.first_text, pair.state) == ("Old", PairState.READY)
        services.volunteer(user=alice)
        assert selectors.ballots_of(alice).pair is None
        assert selectors.ballots_of(mona).pair is not None
        assert [row.question for row in selectors.list_questions_for(oscar, comparison)] == [None]

    def test_they_go_with_their_conversation(self, alice: User, oscar: User, mona: User, rollout: Rollout) -> None:
        generation = self.shadow(alice, rollout)
        self.start(oscar, rollout)
        services.prepare_comparisons()
        services.vote(user=mona, pair_id=ComparisonPair.objects.get().pk, said="tie")
        delete_conversation(user=alice, conversation_id=generation.message.conversation_id)
        assert (ComparisonPair.objects.count(), Vote.objects.count()) == (0, 0)

    def test_what_a_reviewer_takes_back_later_is_asked_of_nobody_more(
        self, alice: User, oscar: User, mona: User, rollout: Rollout
    ) -> None:
        self.shadow(alice, rollout)
        self.start(oscar, rollout)
        services.prepare_comparisons()
        assert selectors.ballots_of(mona).pair is not None
        exchange = Exchange.objects.get()
        exchange.answer, exchange.original = "It was taken back.", "Old"
        exchange.save()
        assert selectors.ballots_of(mona).pair is None

    def test_what_was_taken_back_is_shown_to_nobody(self, alice: User, oscar: User, rollout: Rollout) -> None:
        self.shadow(alice, rollout, original="Something bad")
        comparison = self.start(oscar, rollout)
        services.prepare_comparisons()
        comparison.refresh_from_db()
        assert (comparison.state, comparison.error) == (ComparisonState.FAILED, "answer_gone")


class TestVoting:
    def test_volunteers_vote_and_others_are_not_asked(self, alice: User, mallory: User, oscar: User) -> None:
        comparison = opened(oscar, "What?", audience=Audience.VOLUNTEERS)
        services.volunteer(user=alice)
        services.volunteer(user=alice)
        shown = selectors.ballots_of(alice).pair
        assert shown is not None
        assert {shown.left, shown.right} == {"old on What?", "new on What?"}
        assert selectors.ballots_of(mallory).pair is None
        assert refusal(lambda: services.vote(user=mallory, pair_id=shown.id, said="left")) == "not_found"
        services.vote(user=alice, pair_id=shown.id, said="left", reason="Shorter.", milliseconds=1200)
        vote = Vote.objects.get()
        assert (vote.choice == Choice.FIRST) == shown.left.startswith("old")
        assert side_of(vote) == "left"
        assert (vote.reason, vote.milliseconds) == ("Shorter.", 1200)
        assert selectors.results_of([comparison])[0].wins.votes == 1
        services.stop_volunteering(user=alice)
        assert selectors.ballots_of(alice).may_vote is False

    def test_the_same_vote_twice_is_one_and_another_is_refused(self, mona: User, oscar: User) -> None:
        opened(oscar, "What?")
        pair = ComparisonPair.objects.get()
        services.vote(user=mona, pair_id=pair.pk, said="tie")
        services.vote(user=mona, pair_id=pair.pk, said="tie")
        assert refusal(lambda: services.vote(user=mona, pair_id=pair.pk, said="left")) == "voted"
        assert Vote.objects.get().choice == Choice.TIE

    @pytest.mark.parametrize(
        "options",
        [{"said": "first"}, {"said": ""}, {"said": "tie", "reason": "x" * 1001}, {"said": "tie", "milliseconds": -1}],
    )
    def test_what_is_no_vote_is_refused(self, mona: User, oscar: User, options: dict[str, Any]) -> None:
        opened(oscar, "What?")
        pair = ComparisonPair.objects.get()
        assert refusal(lambda: services.vote(user=mona, pair_id=pair.pk, **options)) == "invalid"
        assert not Vote.objects.exists()

    def test_a_pair_with_enough_votes_is_asked_of_nobody_more(self, mona: User, ada: User, oscar: User) -> None:
        opened(oscar, "What?", votes_wanted=1)
        services.vote(user=mona, pair_id=ComparisonPair.objects.get().pk, said="left")
        assert selectors.ballots_of(ada).pair is None

    def test_who_passes_is_not_asked_again_and_gave_no_vote(self, mona: User, ada: User, oscar: User) -> None:
        comparison = opened(oscar, "What?", votes_wanted=1)
        services.vote(user=mona, pair_id=ComparisonPair.objects.get().pk, said="skipped")
        assert (selectors.ballots_of(mona).pair, selectors.ballots_of(mona).given) == (None, 0)
        assert selectors.ballots_of(ada).pair is not None
        assert selectors.results_of([comparison])[0].wins.votes == 0

    def test_the_pair_with_the_fewest_votes_comes_first(self, mona: User, ada: User, oscar: User) -> None:
        opened(oscar, "What?", "Why?")
        first = selectors.ballots_of(mona).pair
        assert first is not None
        services.vote(user=mona, pair_id=first.id, said="left")
        second = selectors.ballots_of(ada).pair
        assert second is not None
        assert second.id != first.id

    def test_only_readers_of_the_collection_get_its_pairs(
        self, alice: User, bob: User, oscar: User, collection: Collection
    ) -> None:
        comparison = opened(oscar, "What?", collection=collection, audience=Audience.VOLUNTEERS)
        alice.groups.add(Group.objects.get(name="pumps"))
        for person in (alice, bob):
            services.volunteer(user=person)
        assert selectors.ballots_of(alice).pair is not None
        assert selectors.ballots_of(bob).pair is None
        pair = ComparisonPair.objects.get()
        assert refusal(lambda: services.vote(user=bob, pair_id=pair.pk, said="left")) == "not_found"
        other = make_person("olga")
        other.roles = oscar.roles
        other.save()
        assert [row.question for row in selectors.list_questions_for(oscar, comparison)] == ["What?"]
        assert [row.question for row in selectors.list_questions_for(other, comparison)] == [None]


class TestEnding:
    def test_closed_is_closed_and_its_votes_stand(self, mona: User, oscar: User) -> None:
        comparison = opened(oscar, "What?")
        pair = ComparisonPair.objects.get()
        services.vote(user=mona, pair_id=pair.pk, said="tie")
        services.close_comparison(user=oscar, comparison=comparison)
        assert refusal(lambda: services.vote(user=mona, pair_id=pair.pk, said="tie")) == "not_found"
        assert selectors.results_of([comparison])[0].wins.votes == 1
        assert refusal(lambda: services.cancel_comparison(user=oscar, comparison=comparison)) == "comparison_over"
        assert AuditEvent.objects.filter(action="evaluation.comparison_closed").exists()

    def test_cancelled_stops_its_trials_and_counts_nothing(self, mona: User, oscar: User) -> None:
        comparison = start(oscar, "What?", "Why?")
        services.prepare_comparisons()
        services.cancel_comparison(user=oscar, comparison=comparison)
        assert set(Generation.objects.values_list("status", flat=True)) == {Status.STOPPED}
        services.prepare_comparisons()
        comparison.refresh_from_db()
        assert comparison.state == ComparisonState.CANCELLED
        assert refusal(lambda: services.close_comparison(user=mona, comparison=comparison)) == "forbidden"


class TestResults:
    def test_of_a_rollout_they_are_the_candidates(self, oscar: User, mona: User, route: Route) -> None:
        first, second = make_versions()
        rollout = Rollout.objects.create(
            route=route, kind=RolloutKind.AB, baseline=first, candidate=second, stage_started_at=timezone.now()
        )
        for pair in opened(oscar, "What?", first=first, second=second).pairs.all():
            vote_for(mona, pair, Choice.SECOND)
        for pair in opened(oscar, "Why?", first=second, second=first).pairs.all():
            vote_for(mona, pair, Choice.FIRST)
        rows = selectors.comparisons_of(rollout)
        assert [(row.wins.wins, row.wins.losses) for row in rows] == [(1, 0), (1, 0)]

    def test_lists_are_for_operators(self, oscar: User, alice: User, mona: User) -> None:
        comparison = opened(oscar, "What?")
        assert list(selectors.list_comparisons_for(alice)) == list(selectors.list_comparisons_for(mona)) == []
        assert refusal(lambda: selectors.get_comparison_for(alice, comparison.pk)) == "not_found"
        found = selectors.get_comparison_for(oscar, comparison.pk)
        assert (found.ready, found.failed, found.total) == (1, 0, 1)  # type: ignore[attr-defined]

    def test_queries_do_not_grow(self, oscar: User, django_assert_num_queries: Any) -> None:
        first, second = make_versions()
        for n in range(4):
            opened(oscar, f"Question {n}?", first=first, second=second)
        with django_assert_num_queries(2):
            assert len(selectors.results_of(selectors.list_comparisons_for(oscar))) == 4


def vote_for(user: User, pair: ComparisonPair, choice: Choice) -> None:
    Vote.objects.create(pair=pair, voter=user, choice=choice, first_was_left=True)
