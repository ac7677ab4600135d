"""The page of voters: two answers, and not a word of whose they are."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.evaluation import services
from chatapp.evaluation.models import Audience, ComparisonPair, Vote
from chatapp.evaluation.tests.comparing import opened
from chatapp.inference.models import Route
from tests.versions import make_version

ClientOf = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def route(db: None) -> Route:
    return Route.objects.create(name=Route.DEFAULT, version=make_version("serving"))


@pytest.fixture
def client_of() -> ClientOf:
    def client_of(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return client_of


@pytest.fixture
def pair(oscar: User) -> ComparisonPair:
    opened(oscar, "Which <b>pump</b>?", audience=Audience.VOLUNTEERS)
    pair = ComparisonPair.objects.get()
    pair.first_text, pair.second_text = "**One** pump [1].", "<script>two</script>"
    pair.save()
    return pair


def vote_url(pair_id: object) -> str:
    return reverse("compare_vote", args=[pair_id])


def test_strangers_sign_in_first(client: Client, pair: ComparisonPair) -> None:
    for url in (reverse("compare"), vote_url(pair.pk), reverse("compare_volunteer")):
        for send in (client.get, client.post):
            response = send(url)
            assert response.status_code == 405 or response["Location"].startswith("/accounts/login/")
    assert not Vote.objects.exists()


def test_who_offers_to_compare_gets_a_pair(alice: User, client_of: ClientOf, pair: ComparisonPair) -> None:
    client = client_of(alice)
    assert b"ballot-join" in client.get(reverse("compare")).content
    page = client.post(reverse("compare_volunteer"), {"volunteer": "1"}, follow=True).content.decode()
    assert "<strong>One</strong> pump [1]." in page
    assert "<script>two" not in page
    assert "Which &lt;b&gt;pump&lt;/b&gt;?" in page
    left = client.post(reverse("compare_volunteer"), follow=True).content
    assert b"ballot-join" in left


def test_the_page_does_not_say_whose_the_answers_are(alice: User, client_of: ClientOf, pair: ComparisonPair) -> None:
    services.volunteer(user=alice)
    page = client_of(alice).get(reverse("compare")).content.decode()
    comparison = pair.comparison
    secrets = [comparison.first.name, comparison.second.name, comparison.pk, comparison.first_id, comparison.second_id]
    assert [secret for secret in secrets if f">{secret}" in page or f'"{secret}"' in page] == []
    assert str(comparison.pk) not in page
    assert str(comparison.first_id) not in page


def test_a_vote_brings_the_next_pair(alice: User, client_of: ClientOf, pair: ComparisonPair) -> None:
    services.volunteer(user=alice)
    said = {"vote": "both_bad", "reason": "Neither.", "milliseconds": "2500"}
    next_one = client_of(alice).post(vote_url(pair.pk), said, headers=HTMX)
    assert b"ballot-empty" in next_one.content
    assert b"You have compared 1 pair of answers" in next_one.content
    assert b"<html" not in next_one.content
    vote = Vote.objects.get()
    assert (vote.choice, vote.reason, vote.milliseconds, vote.voter) == ("both_bad", "Neither.", 2500, alice)


def test_without_scripts_it_is_a_page(alice: User, client_of: ClientOf, pair: ComparisonPair) -> None:
    services.volunteer(user=alice)
    response = client_of(alice).post(vote_url(pair.pk), {"vote": "left", "milliseconds": ""})
    assert (response.status_code, response["Location"]) == (302, reverse("compare"))
    assert Vote.objects.get().milliseconds is None


@pytest.mark.parametrize(
    "said", [{}, {"vote": "first"}, {"vote": "left", "milliseconds": "soon"}, {"vote": "left", "reason": "x" * 1001}]
)
def test_what_is_no_vote_is_refused(
    alice: User, client_of: ClientOf, pair: ComparisonPair, said: dict[str, str]
) -> None:
    services.volunteer(user=alice)
    assert client_of(alice).post(vote_url(pair.pk), said, headers=HTMX).status_code == 400
    assert not Vote.objects.exists()


def test_a_pair_of_others_is_as_one_that_never_was(mallory: User, client_of: ClientOf, pair: ComparisonPair) -> None:
    client = client_of(mallory)
    answers = [client.post(vote_url(key), {"vote": "left"}) for key in (pair.pk, uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert client.post(vote_url(pair.pk), {}).status_code == 404


def test_reviewers_need_no_offer(mona: User, oscar: User, client_of: ClientOf) -> None:
    opened(oscar, "What?")
    page = client_of(mona).get(reverse("compare")).content
    assert b"ballot-question" in page


def test_queries_do_not_grow(
    alice: User, oscar: User, client_of: ClientOf, django_assert_max_num_queries: Callable[..., object]
) -> None:
    opened(oscar, *(f"Question {n}?" for n in range(40)), audience=Audience.VOLUNTEERS)
    services.volunteer(user=alice)
    client = client_of(alice)
    with django_assert_max_num_queries(14):  # type: ignore[attr-defined]
        client.get(reverse("compare"))
