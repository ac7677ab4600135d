"""Budgets: set, changed and removed by administrators, by nobody else; and what each sees of their own."""

from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import AuditEvent, User
from chatapp.inference.budgets.meter import forget_standings
from chatapp.inference.budgets.services import note_reached
from chatapp.inference.models import AnswerOutcome, Budget

pytestmark = pytest.mark.django_db

ClientOf = Callable[[str], Client]
URL = "/console/budgets/"
FORM = {
    "subject": "user",
    "name": "alice",
    "unit": "tokens",
    "period": "month",
    "soft": "800",
    "hard": "1000",
    "contact": "Grace",
    "note": "as agreed",
}


@pytest.fixture(autouse=True)
def fresh() -> None:
    forget_standings()


def use(user: User, tokens: int) -> None:
    AnswerOutcome.objects.create(generation_id=uuid4(), user=user, status="complete", prompt_tokens=tokens)


def test_a_budget_is_set_changed_and_removed(client_of: ClientOf, ada: User, alice: User) -> None:
    client = client_of("ada")
    assert "budgets-empty" in client.get(URL).content.decode()
    saved = client.post(URL, FORM)["Location"]
    made = Budget.objects.get()
    assert saved == f"{URL}?set={made.pk}"
    assert "for alice is set. It refuses nobody now." in client.get(saved).content.decode()
    assert "budget-saved" not in client.get(f"{URL}?set=<script>").content.decode()
    assert (made.user, made.soft, made.hard) == (alice, Decimal(800), Decimal(1_000))
    assert made.contact == "Grace"
    assert 'value="800"' in client.get(f"{URL}{made.pk}/").content.decode()
    client.post(URL, {**FORM, "soft": "", "hard": "2500000"})
    changed = Budget.objects.get()
    assert (changed.pk, changed.soft, changed.hard) == (made.pk, None, Decimal(2_500_000))
    page = client.get(URL).content.decode()
    assert "2,500,000 tokens" in page
    assert 'hx-confirm="Remove the budget of tokens a month for alice?' in page
    fragment = client.post(f"{URL}{made.pk}/remove/", headers={"HX-Request": "true"}).content.decode()
    assert "The budget is removed." in fragment
    assert "budgets-empty" in fragment
    actions = AuditEvent.objects.filter(actor=ada, action__startswith="budget.").values_list("action", flat=True)
    assert sorted(actions) == ["budget.removed", "budget.set", "budget.set"]


def test_the_page_says_who_has_used_up_what(client_of: ClientOf, alice: User, bob: User) -> None:
    client = client_of("ada")
    client.post(URL, {**FORM, "subject": "everyone", "name": ""})
    client.post(URL, {**FORM, "subject": "group", "name": "sales", "hard": "4000"})
    use(alice, 1_200)
    use(bob, 900)
    note_reached()
    page = " ".join(client.get(URL).content.decode().split())
    assert 'alice: 1,200 tokens, 120 % <span class="badge badge-danger">Used up</span>' in page
    assert 'bob: 900 tokens, 90 % <span class="badge badge-warn">Soft limit reached</span>' in page
    assert '900 tokens, 22 % <span class="badge badge-warn">' in page  # sales, of bob
    assert "alice reached the hard limit of 1,000 tokens a month" in page
    assert "sales reached the soft limit of 800 tokens a month" in page


def test_a_budget_that_is_used_up_already_says_whom_it_refuses(client_of: ClientOf, alice: User, bob: User) -> None:
    use(alice, 1_200)
    use(bob, 900)
    client = client_of("ada")
    saved = client.post(URL, {**FORM, "subject": "everyone", "name": ""})["Location"]
    assert "for everyone is set. It refuses 1 person from now on" in client.get(saved).content.decode()
    saved = client.post(URL, FORM)["Location"]
    assert "for alice is set. It refuses from now on" in client.get(saved).content.decode()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "nobody"},
        {"name": ""},
        {"name": "nul\0"},
        {"name": "x" * 200},
        {"subject": "planet"},
        {"soft": "", "hard": ""},
        {"soft": "2000"},
        {"hard": "-5"},
        {"hard": "0", "soft": ""},
        {"hard": "1000.5"},
        {"hard": "NaN"},
        {"hard": "Infinity"},
        {"hard": "1e400"},
        {"hard": "9" * 40},
        {"unit": "bytes"},
        {"period": "year"},
        {"contact": "x" * 101},
        {"note": "x" * 301},
    ],
)
def test_a_form_that_is_wrong_sets_nothing(client_of: ClientOf, alice: User, change: dict[str, str]) -> None:
    response = client_of("ada").post(URL, {**FORM, **change})
    assert response.status_code == 400
    assert 'data-testid="error"' in response.content.decode()
    assert not Budget.objects.exists()


@pytest.mark.parametrize("name,status", [("alice", 404), ("mallory", 404), ("mona", 403), ("oscar", 403)])
def test_strangers_and_other_roles_get_nothing(client_of: ClientOf, name: str, status: int) -> None:
    budget = Budget.objects.create(subject="everyone", unit="tokens", period="day", hard=1)
    client = client_of(name)
    for path in (URL, f"{URL}{budget.pk}/"):
        assert client.get(path).status_code == status
    assert client.post(URL, FORM).status_code == status
    assert client.post(f"{URL}{budget.pk}/remove/").status_code == status
    assert Budget.objects.get() == budget


def test_a_budget_that_never_was_is_not_found(client_of: ClientOf) -> None:
    client = client_of("ada")
    assert client.get(f"{URL}{uuid4()}/").status_code == 404
    assert client.post(f"{URL}{uuid4()}/remove/").status_code == 404


def test_the_page_asks_as_much_for_many_budgets(
    client_of: ClientOf, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_of("ada")
    for number in range(30):
        person = User.objects.create(username=f"u{number}")
        Budget.objects.create(subject="user", user=person, unit="tokens", period="day", hard=1)
        use(person, number)
    with django_assert_max_num_queries(7):
        assert client.get(URL).content.decode().count('data-testid="budget-row"') == 30


def test_markup_in_a_note_is_inert(client_of: ClientOf, alice: User) -> None:
    client = client_of("ada")
    client.post(URL, {**FORM, "note": "<script>alert(1)</script>", "contact": "<img src=x>"})
    use(alice, 900)
    assert "<script>alert" not in client.get(URL).content.decode()
    assert "<img src=x>" not in client_of("alice").get("/settings/usage/").content.decode()


def test_people_see_their_own_usage_and_budgets(client_of: ClientOf, alice: User, bob: User) -> None:
    admin = client_of("ada")
    admin.post(URL, {**FORM, "subject": "everyone", "name": ""})
    admin.post(URL, {**FORM, "name": "bob", "hard": "7777"})
    use(alice, 850)
    use(bob, 5_555)
    page = " ".join(client_of("alice").get("/settings/usage/").content.decode().split())
    assert "Your budget of 1,000 tokens a month: 85 % used." in page
    assert "Ask Grace if you need more" in page
    assert "850" in page
    assert "5,555" not in page
    assert "7,777" not in page
    assert Client().get("/settings/usage/").status_code == 302


def test_own_usage_is_ones_own_for_administrators_too(client_of: ClientOf, ada: User, alice: User) -> None:
    use(alice, 5_555)
    page = client_of("ada").get("/settings/usage/").content.decode()
    assert "own-usage-empty" in page
    assert "5,555" not in page
