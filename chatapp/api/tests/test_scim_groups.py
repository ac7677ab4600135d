"""Company groups over SCIM: membership, its rights, and its size."""

from typing import Any

import pytest
from django.contrib.auth.models import Group

from chatapp.accounts import services as accounts
from chatapp.accounts.models import (
    AuditEvent,
    GroupRole,
    ProvisionedGroup,
    ProvisionedMembership,
    ProvisionedUser,
    Role,
    User,
)
from chatapp.accounts.permissions import can
from chatapp.api.tests.scim import CORE, PATCH, Directory
from tests.people import make_person


@pytest.fixture
def people(directory: Directory) -> list[str]:
    return [directory.add_user(name)["id"] for name in ("ann", "ben", "cid")]


def groups_of(user_id: str) -> set[str]:
    return set(User.objects.get(pk=user_id).groups.values_list("name", flat=True))


def test_a_group_is_made_read_found_and_removed(directory: Directory, people: list[str]) -> None:
    made = directory.add_group("navy", people[0], people[1])
    assert directory.members(made["id"]) == {people[0], people[1]}
    assert groups_of(people[0]) == {"navy"}
    assert directory.get(f"/Users/{people[0]}")["groups"][0]["display"] == "navy"
    for condition in (
        'displayName eq "Navy"',
        f'members.value eq "{people[1]}"',
        f'id eq "{made["id"]}"',
        "members pr",
    ):
        assert directory.find("Groups", condition) == [made["id"]], condition
    assert directory.find("Groups", f'members[value eq "{people[2]}"]') == []
    assert directory.find("Users", f'groups.value eq "{made["id"]}" and userName eq "ann"') == [people[0]]
    assert directory.find("Groups", 'displayName eq "nobody"') == []
    directory.expect(204, "DELETE", f"/Groups/{made['id']}")
    assert groups_of(people[0]) == set()
    directory.expect(404, "GET", f"/Groups/{made['id']}")


def test_a_name_that_is_taken_is_a_conflict(directory: Directory) -> None:
    directory.add_group("navy")
    problem = directory.expect(409, "POST", "/Groups", {"displayName": "NAVY"})
    assert problem["scimType"] == "uniqueness"


def test_entra_adds_and_removes_members_by_value_and_by_path(directory: Directory, people: list[str]) -> None:
    group = directory.add_group("navy")["id"]
    directory.patch_group(group, {"op": "Add", "path": "members", "value": [{"value": pk} for pk in people]})
    assert directory.members(group) == set(people)
    directory.patch_group(group, {"op": "Remove", "path": f'members[value eq "{people[0]}"]'})
    directory.patch_group(group, {"op": "Remove", "path": "members", "value": [{"value": people[1]}]})
    assert directory.members(group) == {people[2]}
    assert (groups_of(people[0]), groups_of(people[2])) == (set(), {"navy"})
    directory.patch_group(group, {"op": "Replace", "path": "displayName", "value": "fleet"})
    assert groups_of(people[2]) == {"fleet"}
    directory.patch_group(group, {"op": "Remove", "path": "members"})
    assert directory.members(group) == set()


def test_okta_replaces_the_list_and_the_name_without_a_path(directory: Directory, people: list[str]) -> None:
    group = directory.add_group("navy", people[0])["id"]
    directory.patch_group(group, {"op": "replace", "value": {"id": group, "displayName": "fleet"}})
    directory.patch_group(group, {"op": "replace", "path": "members", "value": [{"value": pk} for pk in people[1:]]})
    assert directory.members(group) == set(people[1:])
    put = {"schemas": [f"{CORE}:Group"], "id": group, "displayName": "fleet", "members": [{"value": people[0]}]}
    directory.expect(200, "PUT", f"/Groups/{group}", put)
    assert directory.members(group) == {people[0]}
    assert groups_of(people[0]) == {"fleet"}


def test_operations_hold_in_their_order(directory: Directory, people: list[str]) -> None:
    group = directory.add_group("navy", people[0])["id"]
    directory.patch_group(
        group,
        {"op": "add", "path": "members", "value": [{"value": people[1]}]},
        {"op": "remove", "path": f'members[value eq "{people[1]}"]'},
        {"op": "add", "path": "members", "value": {"value": people[2]}},
    )
    assert directory.members(group) == {people[0], people[2]}


@pytest.mark.parametrize("member", ["nobody", "7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300", ""])
def test_who_was_not_provisioned_cannot_be_a_member(directory: Directory, member: str, alice: User) -> None:
    group = directory.add_group("navy")["id"]
    for value in (member, str(alice.pk)):
        body = {"schemas": [PATCH], "Operations": [{"op": "add", "path": "members", "value": [{"value": value}]}]}
        assert directory.expect(400, "PATCH", f"/Groups/{group}", body)["scimType"] == "invalidValue"
    assert "navy" not in groups_of(str(alice.pk))


def test_members_of_other_origin_stay(directory: Directory, people: list[str], alice: User) -> None:
    """Alice is in `engineering` by hand; the directory manages its own members only."""
    group = directory.add_group("engineering", people[0])["id"]
    assert directory.members(group) == {people[0]}
    directory.patch_group(group, {"op": "replace", "path": "members", "value": []})
    directory.expect(204, "DELETE", f"/Groups/{group}")
    assert "engineering" in groups_of(str(alice.pk))


def test_what_a_sign_in_says_takes_no_provisioned_group_away(directory: Directory, people: list[str]) -> None:
    directory.add_group("navy", people[0])
    user = User.objects.get(pk=people[0])
    accounts.set_company_groups(user=user, names=["sailing"])
    assert groups_of(people[0]) == {"navy", "sailing"}
    accounts.set_company_groups(user=user, names=[])
    assert groups_of(people[0]) == {"navy"}


def test_roles_follow_membership_and_the_last_administrator_stays(directory: Directory, people: list[str]) -> None:
    group = directory.add_group("admins")["id"]
    GroupRole.objects.create(group=Group.objects.get(name="admins"), role=Role.ADMINISTRATOR)
    directory.patch_group(group, {"op": "add", "path": "members", "value": [{"value": people[0]}]})
    assert can(User.objects.get(pk=people[0]), "accounts.manage_users")
    removal = {"schemas": [PATCH], "Operations": [{"op": "remove", "path": "members"}]}
    directory.expect(409, "PATCH", f"/Groups/{group}", removal)
    assert can(User.objects.get(pk=people[0]), "accounts.manage_users")
    make_person("ada")
    directory.expect(204, "PATCH", f"/Groups/{group}", removal)
    assert not can(User.objects.get(pk=people[0]), "accounts.manage_users")


def test_a_change_of_members_is_audited_with_names(directory: Directory, people: list[str]) -> None:
    directory.add_group("navy", *people)
    event = AuditEvent.objects.get(action="group.members_changed")
    assert (event.detail["joined"], event.detail["first_joined"]) == (3, ["ann", "ben", "cid"])
    assert event.actor_name == "directory"


def many(count: int) -> list[str]:
    users = User.objects.bulk_create(User(username=f"many{number}") for number in range(count))
    rows = [ProvisionedUser(user=user, changed_at=user.date_joined) for user in users]
    ProvisionedUser.objects.bulk_create(rows)
    return [str(user.pk) for user in users]


def test_ten_thousand_members_cost_a_bounded_number_of_queries(
    directory: Directory, django_assert_max_num_queries: Any
) -> None:
    ids = many(10_000)
    group = directory.add_group("everyone")["id"]
    value = [{"value": pk} for pk in ids]
    with django_assert_max_num_queries(90):
        directory.patch_group(group, {"op": "add", "path": "members", "value": value})
    assert ProvisionedMembership.objects.count() == 10_000
    with django_assert_max_num_queries(30):
        directory.patch_group(group, {"op": "remove", "path": f'members[value eq "{ids[0]}"]'})
    with django_assert_max_num_queries(8):
        assert len(directory.members(group)) == 9_999
    with django_assert_max_num_queries(8):
        page = directory.get("/Groups?excludedAttributes=members")
    assert "members" not in page["Resources"][0]


def test_two_hundred_groups_of_one_person_cost_one_query(
    directory: Directory, people: list[str], django_assert_max_num_queries: Any
) -> None:
    groups = Group.objects.bulk_create(Group(name=f"group{number}") for number in range(200))
    now = User.objects.get(pk=people[0]).date_joined
    rows = ProvisionedGroup.objects.bulk_create(ProvisionedGroup(group=group, changed_at=now) for group in groups)
    ProvisionedMembership.objects.bulk_create(ProvisionedMembership(group=row, person_id=people[0]) for row in rows)
    with django_assert_max_num_queries(6):
        assert len(directory.get(f"/Users/{people[0]}")["groups"]) == 200
    with django_assert_max_num_queries(7):
        assert directory.get("/Groups?count=500")["itemsPerPage"] == 200
    with django_assert_max_num_queries(7):
        assert directory.get("/Users")["totalResults"] == 3
