"""The pages of alerts: what is open, what to do first, the weekly figures, where they are sent."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import User
from chatapp.evaluation.models import Alert, AlertChannel, AlertDelivery
from chatapp.evaluation.tests.outcomes import answered
from chatapp.inference.models import ModelVersion, Route

pytestmark = pytest.mark.django_db

ClientOf = Callable[[str], Client]
PATH = "/console/alerts/"


def make_alert(metric: str = "errors", **fields: Any) -> Alert:
    given = {
        "kind": "spike",
        "route": "default",
        "value": 0.5,
        "baseline": 0.01,
        "high": 0.1,
        "answers": 20,
        "users": 9,
    }
    return Alert.objects.create(metric=metric, **{**given, "seen_at": timezone.now(), **fields})


def rows(page: str) -> list[str]:
    return re.findall(r'data-testid="alert-row" data-metric="([a-z_]+)"', page)


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_list_says_what_has_left_its_band_and_is_filtered(client_of: ClientOf) -> None:
    make_alert()
    make_alert("flags", closed_at=timezone.now())
    client = client_of("oscar")
    page = client.get(PATH).content.decode()
    assert rows(page) == ["errors", "flags"]  # What is open comes first.
    assert (
        "the route default: 50.0 % in the last minutes (20 answers of 9 people), above 10.0 %; usual is 1.0 %."
        in text_of(page)
    )
    found = [rows(client.get(PATH + query).content.decode()) for query in (
        "?state=open", "?state=closed", "?metric=flags", "?kind=drift", "?route=other", "?state=nonsense",
    )]  # fmt: skip
    assert found == [["errors"], ["flags"], ["flags"], [], [], []]


def test_one_says_what_to_do_first_and_is_looked_after(client_of: ClientOf, oscar: User) -> None:
    alert = make_alert()
    client = client_of("oscar")
    page = client.get(f"{PATH}{alert.id}/").content.decode()
    assert "What to do first: Look at Workers" in text_of(page)
    answer = client.post(f"{PATH}{alert.id}/acknowledge/", {"note": "<b>The provider is down.</b>"}, follow=True)
    page = answer.content.decode()
    assert "&lt;b&gt;The provider is down." in page
    assert "Looked after" in page
    alert.refresh_from_db()
    assert alert.acknowledged_by == oscar


def test_weekly_figures_name_what_is_worse(client_of: ClientOf) -> None:
    version = ModelVersion.objects.create(name="large", provider="scripted", context_tokens=4096)
    Route.objects.create(name=Route.DEFAULT, version=version)
    client = client_of("oscar")
    assert "Nothing to compare yet" in client.get(f"{PATH}weeks/").content.decode()
    people = User.objects.bulk_create(User(username=f"p{number}") for number in range(12))
    for day in range(1, 28):
        answered(people, version, each=2, ago=timedelta(days=day), is_refusal=day < 7)
    page = text_of(client.get(f"{PATH}weeks/").content.decode())
    assert "large on the route default" in page
    assert re.search(r"Refusals 0\.0 % 85\.7 % \+[0-9.]+ to \+[0-9.]+ points", page)
    assert "Worse" in page


class TestChannels:
    PATH = f"{PATH}channels/"

    @pytest.fixture(autouse=True)
    def _mail_server(self, settings: Any) -> None:
        settings.EMAIL_HOST = "mail.example.com"

    def test_a_webhook_is_added_and_its_secret_shown_once(self, client_of: ClientOf) -> None:
        client = client_of("oscar")
        given = {"kind": "webhook", "address": "https://hooks.example.com/x"}
        page = client.post(self.PATH, given).content.decode()
        secret = AlertChannel.objects.get().secret
        assert secret.startswith("whsec_")
        assert f'<code id="new-secret">{secret.replace("+", "&#x2B;")}</code>' in page or secret in page
        assert "whsec_" not in client.get(self.PATH).content.decode()

    def test_it_is_tested_switched_off_and_removed(self, client_of: ClientOf) -> None:
        channel = AlertChannel.objects.create(kind="mail", address="ops@example.com")
        client, htmx = client_of("oscar"), {"HX-Request": "true"}
        page = client.post(f"{self.PATH}{channel.id}/test/", headers=htmx).content.decode()
        assert "A test is on its way to ops@example.com." in page
        assert "on its way" in text_of(page)
        assert AlertDelivery.objects.get().event == "test"
        page = client.post(f"{self.PATH}{channel.id}/disable/", headers=htmx).content.decode()
        assert 'data-enabled="false"' in page
        page = client.post(f"{self.PATH}{channel.id}/remove/", headers=htmx).content.decode()
        assert "Alerts are shown here only" in page

    @pytest.mark.parametrize(
        "given", [{}, {"kind": "x", "address": "y"}, {"kind": "webhook", "address": "http://10.0.0.1/"}]
    )
    def test_what_makes_no_sense_is_refused_and_kept_in_the_form(
        self, client_of: ClientOf, given: dict[str, str]
    ) -> None:
        answer = client_of("oscar").post(self.PATH, given)
        assert (answer.status_code, AlertChannel.objects.count()) == (400, 0)
        assert "Nothing was added." in answer.content.decode()

    def test_an_action_that_there_is_none(self, client_of: ClientOf) -> None:
        channel = AlertChannel.objects.create(kind="mail", address="ops@example.com")
        assert client_of("oscar").post(f"{self.PATH}{channel.id}/explode/").status_code == 404
        assert client_of("oscar").post(f"{self.PATH}{uuid4()}/test/").status_code == 404


def test_strangers_see_and_change_nothing(client_of: ClientOf) -> None:
    alert, channel = make_alert(), AlertChannel.objects.create(kind="mail", address="ops@example.com")
    pages = (PATH, f"{PATH}{alert.id}/", f"{PATH}weeks/", f"{PATH}channels/")
    changes = (f"{PATH}{alert.id}/acknowledge/", f"{PATH}channels/{channel.id}/remove/")
    for name, status in (("mallory", 404), ("mona", 403)):
        client = client_of(name)
        assert {client.get(path).status_code for path in pages} == {status}
        assert {client.post(path).status_code for path in changes} == {status}
    assert client_of("oscar").get(f"{PATH}{uuid4()}/").status_code == 404
    assert Client().get(PATH).status_code == 302
    alert.refresh_from_db()
    assert (alert.acknowledged_at, AlertChannel.objects.count()) == (None, 1)


@pytest.mark.parametrize("query", ["?cursor=made-up", "?route=%00", "?metric=%00"])
def test_malformed_conditions_are_refused(client_of: ClientOf, query: str) -> None:
    assert client_of("oscar").get(PATH + query).status_code == 400


def test_the_list_takes_the_same_queries_however_long(
    client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    version = ModelVersion.objects.create(name="large", provider="scripted", context_tokens=4096)
    for number in range(40):
        make_alert(route=f"r{number}", version=version)
        make_alert("flags", route=f"r{number}", version=version, closed_at=timezone.now())
    client = client_of("oscar")
    with django_assert_num_queries(4):  # session, user, those that are over, open ones
        page = client.get(PATH, headers={"HX-Request": "true"}).content.decode()
    assert rows(page) == ["errors"] * 40 + ["flags"] * 30
    older = re.findall(r'href="\?(cursor=[^"]+)">Show older alerts', page)[0]
    assert rows(client.get(f"{PATH}?{older}").content.decode()) == ["flags"] * 10
