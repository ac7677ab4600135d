"""The page of roles: administrators see the table, make roles and give them to groups; nobody else."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils.html import escape

from chatapp.accounts import services
from chatapp.accounts.models import AuditEvent, CustomRole, User
from chatapp.accounts.permissions import CATALOGUE

pytestmark = pytest.mark.django_db
PAGE = "/console/roles/"


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def make_triager(ada: User) -> CustomRole:
    permissions = ["moderation.review_flag"]
    return services.create_custom_role(actor=ada, slug="triager", name="Triager", permissions=permissions)


def test_the_table_shows_every_permission_and_role(ada: User) -> None:
    make_triager(ada)
    text = client_of(ada).get(PAGE).content.decode()
    assert all(escape(granted.label) in text for granted in CATALOGUE.values())
    assert text.count('<th scope="col">') == 1 + 6 + 1
    given = sum(len(granted.roles) for granted in CATALOGUE.values()) + 1
    assert text.count('<span class="visually-hidden">Yes</span>') == given
    assert 'data-role="triager"' in text


def test_a_role_is_made_changed_and_deleted(ada: User, bob: User) -> None:
    client = client_of(ada)
    new = {"name": "Triager", "slug": "triager", "permissions": ["moderation.review_flag", "accounts.view_usage"]}
    assert client.post(f"{PAGE}new/", new).status_code == 302
    services.set_roles(user=bob, roles=["employee", "triager"], actor=ada)
    page = client.get(f"{PAGE}custom/triager/").content.decode()
    assert page.count(" checked") == 2
    answer = client.post(f"{PAGE}custom/triager/", {"name": "Counter", "permissions": ["accounts.view_usage"]})
    assert (answer.status_code, User.objects.get(pk=bob.pk).permissions) == (302, ["accounts.view_usage"])
    answer = client.post(f"{PAGE}custom/triager/delete/", headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == PAGE
    assert "Nobody has it any more" in client.get(PAGE).content.decode()
    assert User.objects.get(pk=bob.pk).roles == ["employee"]


def test_a_group_is_given_roles(ada: User, bob: User) -> None:
    sales = Group.objects.get(name="sales")
    client_of(ada).post(f"{PAGE}groups/{sales.pk}/", {"roles": ["reviewer", "auditor"]})
    assert set(User.objects.get(pk=bob.pk).roles) == {"employee", "reviewer", "auditor"}
    event = AuditEvent.objects.get(action="group.roles_changed")
    assert (event.actor, event.after) == (ada, {"roles": ["auditor", "reviewer"]})


@pytest.mark.parametrize(
    "changes,said",
    [
        ({"name": ""}, "required"),
        ({"slug": "Not A Slug"}, "short name"),
        ({"slug": "reviewer"}, "already exists"),
        ({"permissions": []}, "required"),
        ({"permissions": ["accounts.fly"]}, "not one of the available choices"),
        ({"name": "a\0b"}, "Null characters"),
    ],
)
def test_a_malformed_role_is_told_at_its_field(ada: User, changes: dict[str, object], said: str) -> None:
    new = {"name": "Triager", "slug": "triager", "permissions": ["moderation.review_flag"], **changes}
    answer = client_of(ada).post(f"{PAGE}new/", new)
    assert (answer.status_code, CustomRole.objects.count()) == (400, 0)
    assert said in answer.content.decode()


def test_b18_others_neither_see_nor_change_roles(ada: User, alice: User, mona: User, oscar: User) -> None:
    make_triager(ada)
    group = Group.objects.get(name="staff")
    posts: dict[str, dict[str, object]] = {
        "new/": {"name": "x", "slug": "x", "permissions": ["moderation.review_flag"]},
        "custom/triager/": {"name": "x", "permissions": ["accounts.manage_roles"]},
        "custom/triager/delete/": {},
        f"groups/{group.pk}/": {"roles": ["administrator"]},
    }
    for user, status in ((alice, 404), (mona, 403), (oscar, 403)):
        client = client_of(user)
        assert client.get(PAGE).status_code == status
        assert [client.post(PAGE + path, data).status_code for path, data in posts.items()] == [status] * 4
    assert (CustomRole.objects.get().name, CustomRole.objects.get().permissions) == (
        "Triager",
        ["moderation.review_flag"],
    )
    assert not group.given_roles.exists()


def test_b18_who_may_give_roles_gives_no_more_than_he_holds(ada: User, bob: User) -> None:
    permissions = ["accounts.manage_roles", "accounts.view_usage"]
    services.create_custom_role(actor=ada, slug="deputy", name="Deputy", permissions=permissions)
    services.set_roles(user=bob, roles=["deputy"], actor=ada)
    client, group = client_of(bob), Group.objects.get(name="staff")
    assert client.get(PAGE).status_code == 200
    beyond = {"name": "x", "permissions": ["moderation.review_flag", *permissions]}
    assert client.post(f"{PAGE}custom/deputy/", beyond).status_code == 403
    assert client.post(f"{PAGE}new/", {**beyond, "slug": "x"}).status_code == 403
    assert client.post(f"{PAGE}groups/{group.pk}/", {"roles": ["administrator"]}).status_code == 403
    assert User.objects.get(pk=bob.pk).permissions == sorted(permissions)


def test_what_is_not_there_is_not_found(ada: User) -> None:
    client = client_of(ada)
    assert client.get(f"{PAGE}custom/none/").status_code == 404
    assert client.post(f"{PAGE}custom/none/delete/").status_code == 404
    assert client.post(f"{PAGE}groups/99999999/").status_code == 404
    assert client.get(f"{PAGE}new/").status_code == 200


def test_many_groups_cost_no_query_each(ada: User, django_assert_max_num_queries: object) -> None:
    Group.objects.bulk_create(Group(name=f"group {number}") for number in range(60))
    client = client_of(ada)
    with django_assert_max_num_queries(12):
        assert client.get(PAGE).status_code == 200
