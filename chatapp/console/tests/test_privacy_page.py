"""Retention, holds and erasures as administrators have them on a page."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import User
from chatapp.conversations.models import Conversation
from chatapp.privacy.models import Erasure, HoldScope, Kind, LegalHold, RetentionRule, RetentionRun
from chatapp.privacy.services.erasures import run_due_erasures
from tests.people import PersonFactory

pytestmark = pytest.mark.django_db
ClientOf = Callable[[str], Client]
PATH = "/console/privacy/"


def test_a_rule_is_set_and_previewed(client_of: ClientOf, alice: User) -> None:
    Conversation.objects.create(owner=alice, title="t")
    Conversation.objects.update(updated_at=timezone.now() - timedelta(days=40))
    ada = client_of("ada")
    assert b"for ever" in ada.get(PATH).content
    ada.post(reverse("console_retention"), {"kind": Kind.CONVERSATIONS, "days": "30"})
    page = ada.get(PATH).content.decode()
    assert "would delete 1" in page
    assert Conversation.objects.count() == 1
    ada.post(reverse("console_retention"), {"kind": Kind.CONVERSATIONS, "days": ""})
    assert RetentionRule.objects.get().days is None


def test_a_hold_is_placed_and_released(client_of: ClientOf, alice: User) -> None:
    ada = client_of("ada")
    assert b"holds-empty" in ada.get(PATH).content
    ada.post(reverse("console_hold_place"), {"scope": "person", "name": "alice", "reason": "Case <1>"})
    hold = LegalHold.objects.get()
    assert (hold.person, hold.scope) == (alice, HoldScope.PERSON)
    page = ada.get(PATH).content.decode()
    assert "Case &lt;1&gt;" in page
    ada.post(reverse("console_hold_release", args=[hold.id]))
    assert LegalHold.objects.get().released_at is not None


def test_somebody_who_left_is_erased_and_the_receipt_is_shown(client_of: ClientOf, bob: User) -> None:
    ada = client_of("ada")
    ada.post(reverse("console_erasure"), {"person": "bob", "confirmation": "bob", "reason": "left"})
    Erasure.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert run_due_erasures() == 1
    erasure = Erasure.objects.get()
    receipt = ada.get(reverse("console_receipt", args=[erasure.id])).content.decode()
    assert "The signature is genuine." in receipt
    assert str(bob.pk) in receipt
    Erasure.objects.update(receipt={**erasure.receipt, "removed": {"messages": 9}})
    assert "does not match" in ada.get(reverse("console_receipt", args=[erasure.id])).content.decode()


def test_an_erasure_can_be_cancelled(client_of: ClientOf, bob: User) -> None:
    ada = client_of("ada")
    ada.post(reverse("console_erasure"), {"person": "bob", "confirmation": "bob"})
    ada.post(reverse("console_erasure_cancel", args=[Erasure.objects.get().id]))
    assert Erasure.objects.get().status == "cancelled"


@pytest.mark.parametrize(
    "name, fields",
    [
        ("console_retention", {"kind": "nothing", "days": "3"}),
        ("console_retention", {"kind": "usage", "days": "-1"}),
        ("console_retention", {"kind": "usage", "days": "many"}),
        ("console_hold_place", {"scope": "person", "name": "nobody", "reason": "r"}),
        ("console_hold_place", {"scope": "planet", "name": "", "reason": "r"}),
        ("console_hold_place", {"scope": "everyone", "reason": "\0"}),
        ("console_erasure", {"person": "nobody", "confirmation": "nobody"}),
        ("console_erasure", {"person": "bob", "confirmation": "bobb"}),
        ("console_erasure", {"person": "ada", "confirmation": "ada"}),
    ],
)
def test_odd_input_changes_nothing(client_of: ClientOf, bob: User, name: str, fields: dict[str, str]) -> None:
    assert client_of("ada").post(reverse(name), fields).status_code in {400, 409}
    assert (RetentionRule.objects.count(), LegalHold.objects.count(), Erasure.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize("who, status", [("mallory", 404), ("alice", 404), ("mona", 403), ("oscar", 403)])
def test_nobody_else_gets_in(client_of: ClientOf, who: str, status: int) -> None:
    client = client_of(who)
    assert client.get(PATH).status_code == status
    assert client.get(reverse("console_receipt", args=[uuid4()])).status_code == status
    posts = {
        "console_retention": {"kind": "usage", "days": "3"},
        "console_hold_place": {"scope": "everyone", "reason": "r"},
        "console_erasure": {"person": who, "confirmation": who},
    }
    for name, fields in posts.items():
        assert client.post(reverse(name), fields).status_code == status
    for name in ("console_hold_release", "console_erasure_cancel"):
        assert client.post(reverse(name, args=[uuid4()])).status_code == status
    assert (RetentionRule.objects.count(), LegalHold.objects.count(), Erasure.objects.count()) == (0, 0, 0)


def test_unknown_ids_are_not_found(client_of: ClientOf) -> None:
    ada = client_of("ada")
    for name in ("console_hold_release", "console_erasure_cancel"):
        assert ada.post(reverse(name, args=[uuid4()])).status_code == 404
    assert ada.get(reverse("console_receipt", args=[uuid4()])).status_code == 404


def test_many_rows_cost_as_many_queries_as_few(
    client_of: ClientOf, ada: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_of("ada")
    for _ in range(30):
        person = PersonFactory()
        LegalHold.objects.create(scope=HoldScope.PERSON, person=person, reason="r", placed_by=ada)
        Erasure.objects.create(person=person, requested_by=ada, due_at=timezone.now())
        RetentionRun.objects.create(removed={"usage": 1})
    with django_assert_max_num_queries(21):
        assert client.get(PATH).content.count(b'data-testid="hold-row"') == 30
