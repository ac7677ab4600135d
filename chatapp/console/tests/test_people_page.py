"""People in the console: who sees them, what is shown, and what changes."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chatapp.accounts.models import AuditEvent, GroupRole, Role, SignInPolicy, User
from chatapp.accounts.services import create_api_key
from chatapp.accounts.services.provisioned_groups import create_provisioned_group
from chatapp.accounts.services.provisioned_users import PersonRecord, create_provisioned_user
from tests.people import PersonFactory, make_person

pytestmark = pytest.mark.django_db
ClientOf = Callable[[str], Client]
PATH = "/console/users/"
ACTIONS = ["close", "open", "sign-out", "roles", "break-glass", "break-glass/end"]


def text(response: Any) -> str:
    assert response.status_code == 200
    return str(response.content.decode())


@pytest.mark.parametrize("name,status", [("alice", 404), ("mallory", 404), ("mona", 403), ("oscar", 403)])
def test_others_see_and_change_nobody(client_of: ClientOf, name: str, status: int, ada: User) -> None:
    client = client_of(name)
    before = User.objects.filter(pk=ada.pk).values().get()
    assert client.get(PATH).status_code == status
    assert client.get(f"{PATH}{ada.pk}/").status_code == status
    for action in ACTIONS:
        assert client.post(f"{PATH}{ada.pk}/{action}/", {"reason": "x", "roles": "reviewer"}).status_code == status
    assert User.objects.filter(pk=ada.pk).values().get() == before


def test_somebody_who_never_existed_is_not_found(client_of: ClientOf) -> None:
    client = client_of("ada")
    assert client.get(f"{PATH}{uuid4()}/").status_code == 404
    for action in ACTIONS:
        assert client.post(f"{PATH}{uuid4()}/{action}/").status_code == 404


def test_people_are_found(client_of: ClientOf, alice: User, bob: User) -> None:
    client = client_of("ada")
    assert "bob" not in text(client.get(PATH, {"words": "ali", "state": "active"}))
    assert "Nobody found" in text(client.get(PATH, {"state": "closed"}))
    assert "Nobody found" in text(client.get(PATH, {"source": "nothing", "role": "x", "group": "y"}))


def test_the_list_costs_the_same_for_many(client_of: ClientOf, alice: User) -> None:
    client = client_of("ada")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(PATH).status_code == 200
        return len(captured)

    queries()
    few = queries()
    PersonFactory.create_batch(20)
    assert queries() == few


def test_the_list_has_pages(client_of: ClientOf) -> None:
    PersonFactory.create_batch(60)
    client = client_of("ada")
    first = text(client.get(PATH))
    assert first.count('data-testid="person-row"') == 50
    cursor = re.findall(r"cursor=([^\"]+)", first)[0]
    rest = text(client.get(f"{PATH}?cursor={cursor}", headers={"HX-Request": "true"}))
    assert rest.count('data-testid="person-row"') == 11
    assert client.get(PATH, {"cursor": "made up"}).status_code == 400


def test_an_account_is_closed_with_its_reason_and_opened_again(client_of: ClientOf, alice: User) -> None:
    client, hers = client_of("ada"), client_of("alice")
    closed = client.post(f"{PATH}{alice.pk}/close/", {"reason": "left the company"}, follow=True)
    assert "The account is closed" in text(closed)
    assert hers.get("/").status_code == 302
    event = AuditEvent.objects.get(action="user.disabled")
    assert (event.actor_name, event.reason) == ("ada", "left the company")
    assert "Open the account" in text(client.get(f"{PATH}{alice.pk}/"))
    client.post(f"{PATH}{alice.pk}/open/", {"reason": "a mistake"})
    assert User.objects.get(pk=alice.pk).is_active
    assert hers.get("/").status_code == 302


def test_nobody_closes_the_own_account(client_of: ClientOf) -> None:
    client = client_of("ada")
    ada = User.objects.get(username="ada")
    assert "Close the account" not in text(client.get(f"{PATH}{ada.pk}/"))
    refused = client.post(f"{PATH}{ada.pk}/close/", {"reason": "x"})
    assert refused.status_code == 409
    assert "their own account" in refused.content.decode()
    assert User.objects.get(pk=ada.pk).is_active


def test_signing_out_everywhere_ends_sessions_only(client_of: ClientOf, alice: User) -> None:
    client, hers = client_of("ada"), client_of("alice")
    client.post(f"{PATH}{alice.pk}/sign-out/")
    assert hers.get("/").status_code == 302
    assert User.objects.get(pk=alice.pk).is_active


def test_roles_are_given_and_the_last_administrator_stays(client_of: ClientOf, alice: User) -> None:
    client = client_of("ada")
    client.post(f"{PATH}{alice.pk}/roles/", {"roles": ["reviewer", "auditor"], "reason": "covers for mona"})
    assert set(User.objects.get(pk=alice.pk).roles) == {Role.EMPLOYEE, Role.REVIEWER, Role.AUDITOR}
    ada = User.objects.get(username="ada")
    assert client.post(f"{PATH}{ada.pk}/roles/", {"roles": []}).status_code == 409
    assert client.post(f"{PATH}{alice.pk}/roles/", {"roles": ["emperor"]}).status_code == 400
    assert Role.ADMINISTRATOR in User.objects.get(pk=ada.pk).roles


def test_a_persons_page_says_where_everything_comes_from(client_of: ClientOf, ada: User) -> None:
    person = create_provisioned_user(client=ada, record=PersonRecord(user_name="grace", external_id="e"))
    create_provisioned_group(client=ada, name="navy", members=[str(person.pk)])
    person.user.groups.add(Group.objects.create(name="sailing"))
    GroupRole.objects.create(group=Group.objects.get(name="navy"), role=Role.REVIEWER)
    create_api_key(user=person.user, name="notebook <b>")
    client_of("ada").post(f"{PATH}{person.pk}/roles/", {"roles": ["auditor"]})
    shown = text(client_of("ada").get(f"{PATH}{person.pk}/"))
    for words in ("Provisioning", "group navy", "by hand", "sailing", "notebook &lt;b&gt;", "Auditor", "Reviewer"):
        assert words in shown, words


def test_hostile_names_stay_text(client_of: ClientOf) -> None:
    hostile = make_person("<script>alert(1)</script>")
    client = client_of("ada")
    for path in (PATH, f"{PATH}{hostile.pk}/"):
        assert "<script>alert" not in text(client.get(path))


def test_a_break_glass_administrator_is_named_and_unnamed_with_a_reason(client_of: ClientOf, alice: User) -> None:
    client, page = client_of("ada"), f"{PATH}{alice.pk}/"
    assert "Break-glass" not in text(client.get(page))
    assert client.post(f"{page}break-glass/", {"reason": "is no administrator"}).status_code == 400
    client.post(f"{page}roles/", {"roles": ["administrator"]})
    assert "name-break-glass" in text(client.get(page))
    assert client.post(f"{page}break-glass/", {"reason": "  "}).status_code == 400
    assert not User.objects.get(pk=alice.pk).is_break_glass
    named = client.post(f"{page}break-glass/", {"reason": "sealed envelope, safe 2"}, follow=True)
    assert "break-glass administrator now" in text(named)
    assert User.objects.get(pk=alice.pk).is_break_glass
    assert client.post(f"{page}break-glass/end/").status_code == 400
    assert "no break-glass administrator" in text(
        client.post(f"{page}break-glass/end/", {"reason": "left the team"}, follow=True)
    )
    assert not User.objects.get(pk=alice.pk).is_break_glass
    events = AuditEvent.objects.filter(action__startswith="user.break_glass").order_by("at")
    assert [(event.action, event.actor_name, event.reason) for event in events] == [
        ("user.break_glass_granted", "ada", "sealed envelope, safe 2"),
        ("user.break_glass_revoked", "ada", "left the team"),
    ]


def test_the_last_break_glass_administrator_stays_where_passwords_are_for_the_few(
    client_of: ClientOf, ada: User, alice: User
) -> None:
    client = client_of("ada")
    client.post(f"{PATH}{ada.pk}/break-glass/", {"reason": "drill"})
    SignInPolicy.objects.create(local_login=SignInPolicy.LocalLogin.BREAK_GLASS_ONLY)
    refused = client.post(f"{PATH}{ada.pk}/break-glass/end/", {"reason": "x"})
    assert refused.status_code == 409
    assert User.objects.get(pk=ada.pk).is_break_glass


def test_who_has_no_password_is_not_named(client_of: ClientOf, alice: User) -> None:
    alice.set_unusable_password()
    alice.own_roles = alice.roles = [Role.EMPLOYEE, Role.ADMINISTRATOR]
    alice.save()
    client = client_of("ada")
    page = text(client.get(f"{PATH}{alice.pk}/"))
    assert "has no password" in page
    assert "name-break-glass" not in page
    assert client.post(f"{PATH}{alice.pk}/break-glass/", {"reason": "x"}).status_code == 400
