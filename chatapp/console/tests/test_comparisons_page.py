"""The pages of blind comparisons."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.console.read_models.comparisons import comparison_views, sentence_of
from chatapp.evaluation.comparing.preference import Ballot, win_rate
from chatapp.evaluation.models import Choice, Comparison, ComparisonPair, ComparisonState, Vote
from chatapp.evaluation.selectors import list_comparisons_for
from chatapp.evaluation.tests.comparing import make_versions, opened, start
from chatapp.inference.models import Rollout, RolloutKind, Route
from chatapp.retrieval.models import Collection
from tests.people import make_person
from tests.versions import make_version

ClientOf = Callable[[str], Client]


@pytest.fixture(autouse=True)
def route(db: None) -> Route:
    return Route.objects.create(name=Route.DEFAULT, version=make_version("serving"))


def form(**changes: Any) -> dict[str, Any]:
    usual = {"questions_from": "list", "questions": "What?\nWhy?", "audience": "reviewers"}
    return {**usual, "votes_wanted": "3", "most_pairs": "50", **changes}


class TestRights:
    @pytest.mark.parametrize("name, status", [("alice", 404), ("mallory", 404), ("mona", 403)])
    def test_others_do_not_get_in(self, client_of: ClientOf, oscar: User, name: str, status: int) -> None:
        comparison = opened(oscar, "What?")
        client = client_of(name)
        for url in (
            reverse("console_comparisons"),
            reverse("console_comparison_new"),
            reverse("console_comparison", args=[comparison.pk]),
        ):
            assert client.get(url).status_code == status
        for url in ("console_comparison_close", "console_comparison_cancel"):
            assert client.post(reverse(url, args=[comparison.pk])).status_code == status
        assert client.post(reverse("console_comparison_start"), form()).status_code == status
        comparison.refresh_from_db()
        assert (comparison.state, Comparison.objects.count()) == (ComparisonState.OPEN, 1)

    def test_what_never_was(self, client_of: ClientOf, oscar: User) -> None:
        assert client_of("oscar").get(reverse("console_comparison", args=[uuid4()])).status_code == 404


class TestStarting:
    def test_by_the_form(self, client_of: ClientOf, oscar: User) -> None:
        first, second = make_versions()
        page = client_of("oscar").get(reverse("console_comparison_new")).content.decode()
        assert f'value="{first.pk}"' in page
        data = form(first=first.pk, second=second.pk)
        response = client_of("oscar").post(reverse("console_comparison_start"), data, follow=True)
        assert b"0 of 2 answered" in response.content
        assert Comparison.objects.get().started_by == oscar

    def test_of_a_rollout(self, client_of: ClientOf, oscar: User, route: Route) -> None:
        first, second = make_versions()
        rollout = Rollout.objects.create(
            route=route, kind=RolloutKind.CANARY, baseline=first, candidate=second, stage_started_at=timezone.now()
        )
        client = client_of("oscar")
        page = client.get(reverse("console_comparison_new"), {"rollout": str(rollout.pk)}).content.decode()
        assert "comparison-rollout" in page
        client.post(reverse("console_comparison_start"), form(rollout=rollout.pk))
        comparison = Comparison.objects.get()
        assert (comparison.first, comparison.second, comparison.rollout) == (first, second, rollout)

    @pytest.mark.parametrize(
        "changes",
        [
            {"questions": ""},
            {"votes_wanted": "many"},
            {"votes_wanted": "0"},
            {"audience": "everybody"},
            {"questions_from": "golden"},
            {"second": ""},
            {"second": "x"},
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_lost(
        self, client_of: ClientOf, oscar: User, changes: dict[str, str]
    ) -> None:
        first, second = make_versions()
        data = form(**{"first": first.pk, "second": second.pk, "reason": "To see", **changes})
        response = client_of("oscar").post(reverse("console_comparison_start"), data)
        assert (response.status_code, Comparison.objects.exists()) == (400, False)
        assert b"comparison-problem" in response.content
        assert b'value="To see"' in response.content

    def test_a_version_or_collection_that_is_none(self, client_of: ClientOf, oscar: User) -> None:
        first, second = make_versions()
        client, url = client_of("oscar"), reverse("console_comparison_start")
        assert client.post(url, form(first=first.pk, second=uuid4())).status_code == 404
        assert client.post(url, form(first=first.pk, second=second.pk, collection="none")).status_code == 404


class TestResult:
    def test_is_told_in_a_sentence_and_by_question(
        self, client_of: ClientOf, oscar: User, mona: User, ada: User
    ) -> None:
        comparison = opened(oscar, "What?", "Why?")
        for pair in ComparisonPair.objects.all():
            for voter in (mona, ada):
                Vote.objects.create(
                    pair=pair, voter=voter, choice=Choice.SECOND, first_was_left=True, reason="It is <clearer>."
                )
        page = client_of("oscar").get(reverse("console_comparison", args=[comparison.pk])).content.decode()
        assert "old 0 to " in page
        assert "old on What?" in page
        assert "It is &lt;clearer&gt;." in page

    def test_texts_are_for_readers_of_the_collection(self, client_of: ClientOf, oscar: User) -> None:
        collection = Collection.objects.create(name="Secret", slug="secret", created_by=oscar)
        comparison = opened(oscar, "What is secret?", collection=collection)
        olga = make_person("olga")
        olga.roles = oscar.roles
        olga.save()
        url = reverse("console_comparison", args=[comparison.pk])
        assert "What is secret?" in client_of("oscar").get(url).content.decode()
        hidden = client_of("olga").get(url).content.decode()
        assert "What is secret?" not in hidden
        assert "comparison-hidden" in hidden

    def test_while_it_runs_the_page_renews_itself(self, client_of: ClientOf, oscar: User) -> None:
        comparison = start(oscar, "What?")
        url = reverse("console_comparison", args=[comparison.pk])
        part = client_of("oscar").get(url, headers={"HX-Request": "true"}).content.decode()
        assert 'hx-trigger="every 5s' in part
        assert "<html" not in part

    def test_it_is_closed_and_cancelled(self, client_of: ClientOf, oscar: User) -> None:
        comparison, client = opened(oscar, "What?"), client_of("oscar")
        page = client.post(reverse("console_comparison_close", args=[comparison.pk]), follow=True).content
        assert b"Closed. Nobody votes any more." in page
        page = client.post(reverse("console_comparison_cancel", args=[comparison.pk]), follow=True).content
        assert b"This comparison is over already." in page
        comparison.refresh_from_db()
        assert comparison.state == ComparisonState.CLOSED


class TestList:
    def test_empty_and_filtered(self, client_of: ClientOf, oscar: User) -> None:
        client, url = client_of("oscar"), reverse("console_comparisons")
        assert b"Nothing was compared yet" in client.get(url).content
        opened(oscar, "What?")
        assert b"comparison-row" in client.get(url, {"state": "open", "version": "OLD"}).content
        assert b"No comparison meets the filter" in client.get(url, {"state": "closed"}).content
        assert b"No comparison meets the filter" in client.get(url, {"version": "\0"}).content

    def test_queries_do_not_grow(self, oscar: User, django_assert_num_queries: Any) -> None:
        first, second = make_versions()
        for n in range(5):
            opened(oscar, f"Question {n}?", first=first, second=second)
        with django_assert_num_queries(2):
            assert len(comparison_views(list_comparisons_for(oscar))) == 5


def test_sentences() -> None:
    def votes(*choices: Choice) -> str:
        return sentence_of("old", "new", win_rate([Ballot(n % 20, n // 20, one) for n, one in enumerate(choices)]))

    first, second = Choice.FIRST, Choice.SECOND
    assert votes() == "Nobody has voted yet."
    assert votes(first) == "old 100 %, new 0 %: 1 vote of 1 person on 1 question, too few to tell from chance."
    assert votes(*[first, second] * 20).startswith("No difference that is certain: old")
    assert votes(*[second] * 400).startswith("new is preferred: 100 % of the votes (8")
