from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from chatapp.accounts.models import AuditEvent, LimitPeriod, LimitSubject, LimitUnit, RateLimit, User
from chatapp.accounts.services import set_rate_limit

URL = "/console/limits/"
FORM = {"subject": "user", "name": "alice", "amount": "500", "unit": "tokens", "period": "86400", "burst": ""}


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_an_administrator_sets_and_removes_a_limit(ada: User, alice: User) -> None:
    client = client_of(ada)
    assert "limits-empty" in client.get(URL).content.decode()
    assert client.post(URL, FORM)["Location"] == URL
    limit = RateLimit.objects.get()
    assert (limit.user, limit.amount, limit.unit, limit.period) == (alice, 500, "tokens", 86_400)
    page = client.get(URL).content.decode()
    assert "500 tokens a day" in page
    assert 'hx-confirm="Remove the limit of tokens for alice?' in page
    fragment = client.post(f"{URL}{limit.pk}/remove/", headers={"HX-Request": "true"}).content.decode()
    assert "The limit is removed." in fragment
    assert "limits-empty" in fragment
    assert not RateLimit.objects.exists()
    actions = AuditEvent.objects.filter(actor=ada, action__startswith="limit.").values_list("action", flat=True)
    assert sorted(actions) == ["limit.removed", "limit.set"]


def test_the_same_limit_again_changes_it(ada: User, alice: User) -> None:
    client = client_of(ada)
    client.post(URL, FORM)
    client.post(URL, {**FORM, "amount": "900", "burst": "50"})
    limit = RateLimit.objects.get()
    assert (limit.amount, limit.capacity) == (900, 50)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "nobody"},
        {"name": ""},
        {"name": "nul\0"},
        {"name": "x" * 200},
        {"subject": "planet"},
        {"amount": "0"},
        {"amount": "-5"},
        {"amount": "1e3"},
        {"amount": "9" * 40},
        {"unit": "bytes"},
        {"period": "61"},
        {"burst": "0"},
    ],
)
def test_a_form_that_is_wrong_sets_nothing(ada: User, change: dict[str, str]) -> None:
    response = client_of(ada).post(URL, {**FORM, **change})
    assert response.status_code == 400
    assert 'data-testid="error"' in response.content.decode()
    assert not RateLimit.objects.exists()


def test_strangers_and_other_roles_get_nothing(alice: User, oscar: User, mona: User, ada: User) -> None:
    limit = set_rate_limit(
        actor=ada,
        subject=LimitSubject.EVERYONE,
        name="",
        unit=LimitUnit.TOKENS,
        period=LimitPeriod.DAY,
        amount=9,
    )
    for person, status in [(alice, 404), (oscar, 403), (mona, 403)]:
        client = client_of(person)
        assert client.get(URL).status_code == status
        assert client.post(URL, FORM).status_code == status
        assert client.post(f"{URL}{limit.pk}/remove/").status_code == status
    assert RateLimit.objects.get().amount == 9


def test_a_limit_that_never_was_is_not_found(ada: User) -> None:
    assert client_of(ada).post(f"{URL}{uuid4()}/remove/").status_code == 404


def test_the_page_asks_as_much_for_many_limits(
    ada: User, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    client = client_of(ada)
    for number in range(30):
        RateLimit.objects.create(
            subject="user", user=User.objects.create(username=f"u{number}"), unit="tokens", period=60, amount=1
        )
    with django_assert_max_num_queries(8):
        assert client.get(URL).content.decode().count('data-testid="limit-row"') == 30
