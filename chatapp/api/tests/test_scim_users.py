"""People over SCIM: the standard, and what Entra and Okta send."""

from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.management import CommandError, call_command

from chatapp.accounts.models import AuditEvent, IdentityProvider, ProvisioningClient, Role, User
from chatapp.accounts.selectors.provisioning import find_provisioned_user
from chatapp.api.tests.scim import ENTERPRISE, PATCH, Directory
from tests.people import make_person

USERNAME = "grace@corp.example"


def user(document: dict[str, Any]) -> User:
    return User.objects.get(pk=document["id"])


def test_a_person_is_made_read_and_found(directory: Directory) -> None:
    made = directory.add_user(
        USERNAME,
        externalId="e-1",
        name={"givenName": "Grace", "familyName": "Hopper"},
        emails=[{"value": "g@corp.example", "type": "work", "primary": True}],
        active=True,
    )
    assert made["meta"]["location"].endswith(f"/scim/v2/Users/{made['id']}")
    assert directory.get(f"/Users/{made['id']}") == made
    stored = user(made)
    assert (stored.username, stored.first_name, stored.email) == (USERNAME, "Grace", "g@corp.example")
    assert not stored.has_usable_password()
    assert stored.roles == [Role.EMPLOYEE]
    for condition in (
        'userName eq "GRACE@corp.example"',
        'externalId eq "e-1"',
        'emails.value eq "g@corp.example"',
        'emails[type eq "work" and value eq "g@corp.example"]',
        'name.familyName sw "Hop" and active eq true',
        f'id eq "{made["id"]}"',
        'userName co "grace" and not (userName co "nobody")',
        'externalId pr and (title eq "x" or active eq "True")',
        'meta.created gt "2020-01-01T00:00:00Z"',
    ):
        assert directory.find("Users", condition) == [made["id"]], condition
    for condition in ('externalId eq "E-1"', 'userName ne "grace@corp.example"', 'id eq "7"', "title pr"):
        assert directory.find("Users", condition) == [], condition


def test_a_probe_for_nobody_is_an_empty_list(directory: Directory) -> None:
    document = directory.get('/Users?filter=userName+eq+"nobody"&startIndex=1&count=100')
    assert (document["totalResults"], document["Resources"]) == (0, [])


def test_lists_are_paged_sorted_and_cut_down_to_what_is_asked(
    directory: Directory, django_assert_max_num_queries: Any
) -> None:
    for name in ("c", "a", "b"):
        directory.add_user(name)
    with django_assert_max_num_queries(6):
        page = directory.get("/Users?sortBy=userName&sortOrder=descending&startIndex=2&count=1&attributes=userName")
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (3, 2, 1)
    assert page["Resources"][0]["userName"] == "b"
    assert "active" not in page["Resources"][0]
    assert directory.get("/Users?count=0")["totalResults"] == 3
    assert "name" not in directory.get("/Users?excludedAttributes=name,groups")["Resources"][0]


def test_a_name_that_is_taken_is_a_conflict(directory: Directory, alice: User) -> None:
    directory.add_user(USERNAME, externalId="e")
    for name, external in ((USERNAME.upper(), "f"), ("alice", "g"), ("other", "e")):
        problem = directory.expect(409, "POST", "/Users", {"userName": name, "externalId": external})
        assert (problem["scimType"], problem["status"]) == ("uniqueness", "409")


def test_b12_a_local_account_is_neither_seen_nor_taken_over_by_its_name_or_address(
    directory: Directory, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@corp.example")
    made = directory.add_user("alice2", emails=[{"value": "alice@corp.example"}], externalId="x")
    assert made["id"] != str(alice.pk)
    assert directory.find("Users", 'userName eq "alice"') == []
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        directory.expect(404, method, f"/Users/{alice.pk}", {"userName": "alice"})
    assert User.objects.get(pk=alice.pk).is_active


@pytest.mark.parametrize("value", [False, "False", "false"])
def test_entra_switches_people_off_and_on(directory: Directory, value: object) -> None:
    made = directory.add_user(USERNAME)
    changed = directory.patch_user(made["id"], {"op": "Replace", "path": "active", "value": value})
    assert changed["active"] is False
    assert not user(made).is_active
    directory.patch_user(made["id"], {"op": "Replace", "value": {"active": "True"}})
    assert user(made).is_active
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"user.provisioned", "user.disabled", "user.enabled", "user.changed_by_provisioning"} <= actions


def test_entra_patches_by_paths_and_by_dotted_keys(directory: Directory) -> None:
    made = directory.add_user(USERNAME)
    changed = directory.patch_user(
        made["id"],
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "new@corp.example"},
        {"op": "Add", "path": "name.givenName", "value": "Grace"},
        {"op": "Replace", "path": f"{ENTERPRISE}:department", "value": "Navy"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "some-id"},
        {
            "op": "Add",
            "value": {"displayName": "G. Hopper", "name.familyName": "Hopper", f"{ENTERPRISE}:division": "N"},
        },
        {"op": "Replace", "path": "userName", "value": "hopper@corp.example"},
        {"op": "Add", "path": "externalId", "value": "oid-1"},
    )
    assert changed["userName"] == "hopper@corp.example"
    assert changed["name"] == {"givenName": "Grace", "familyName": "Hopper"}
    assert changed["emails"] == [{"type": "work", "value": "new@corp.example"}]
    assert changed[ENTERPRISE] == {"department": "Navy", "division": "N", "manager": {"value": "some-id"}}
    stored = user(made)
    assert (stored.username, stored.email, stored.last_name) == ("hopper@corp.example", "new@corp.example", "Hopper")
    directory.patch_user(made["id"], {"op": "Remove", "path": "displayName"})
    assert "displayName" not in directory.get(f"/Users/{made['id']}")


def test_okta_puts_the_whole_person_and_gets_it_back(directory: Directory) -> None:
    made = directory.add_user(USERNAME, externalId="00u1", name={"givenName": "G", "familyName": "H"}, password="s3")
    body = {**made, "name": {"givenName": "Grace", "familyName": "Hopper"}, "active": False, "groups": []}
    changed = directory.expect(200, "PUT", f"/Users/{made['id']}", body)
    assert (changed["name"]["givenName"], changed["active"]) == ("Grace", False)
    assert not user(made).is_active
    assert not user(made).has_usable_password()
    assert "s3" not in str(changed)


def test_nothing_is_written_when_nothing_differs(directory: Directory) -> None:
    made = directory.add_user(USERNAME, externalId="e")
    events = AuditEvent.objects.count()
    assert directory.expect(200, "PUT", f"/Users/{made['id']}", made) == made
    assert AuditEvent.objects.count() == events


def test_versions_guard_against_lost_changes(directory: Directory) -> None:
    made = directory.add_user(USERNAME)
    path, version = f"/Users/{made['id']}", made["meta"]["version"]
    assert directory.send("GET", path, **{"If-None-Match": version}).status_code == 304
    directory.expect(200, "PUT", path, {**made, "title": "Admiral"}, **{"If-Match": version})
    directory.expect(412, "PUT", path, {**made, "title": "General"}, **{"If-Match": version})
    directory.expect(412, "DELETE", path, **{"If-Match": version})
    assert directory.get(path)["title"] == "Admiral"


def test_who_is_deleted_is_gone_and_comes_back_as_the_same_account(directory: Directory) -> None:
    made = directory.add_user(USERNAME, externalId="e")
    group = directory.add_group("navy", made["id"])
    directory.expect(204, "DELETE", f"/Users/{made['id']}")
    directory.expect(404, "GET", f"/Users/{made['id']}")
    assert directory.members(group["id"]) == set()
    gone = user(made)
    assert (gone.is_active, gone.groups.count()) == (False, 0)
    assert gone.username != USERNAME
    other = directory.add_user(USERNAME, externalId="another person")
    assert other["id"] != made["id"]
    again = directory.add_user("grace2", externalId="e")
    assert again["id"] == made["id"]
    assert user(again).is_active


def test_b18_attributes_that_give_rights_are_none_of_a_directorys(directory: Directory) -> None:
    made = directory.add_user(
        USERNAME, roles=[{"value": "administrator"}], is_staff=True, entitlements=[{"value": "x"}], is_superuser=True
    )
    directory.patch_user(
        made["id"],
        {"op": "add", "path": "roles", "value": [{"value": "administrator"}]},
        {"op": "replace", "value": {"is_staff": True, "password": "secret-1", "permissions": ["accounts.provision"]}},
    )
    stored = user(made)
    assert (stored.roles, stored.is_staff, stored.is_superuser) == ([Role.EMPLOYEE], False, False)
    assert not stored.has_usable_password()
    body = {"schemas": [PATCH], "Operations": [{"op": "add", "path": "groups", "value": [{"value": "x"}]}]}
    assert directory.expect(400, "PATCH", f"/Users/{made['id']}", body)["scimType"] == "mutability"


def test_the_last_administrator_cannot_be_provisioned_away(directory: Directory) -> None:
    made = directory.add_user(USERNAME)
    User.objects.filter(pk=made["id"]).update(own_roles=[Role.ADMINISTRATOR], roles=[Role.ADMINISTRATOR])
    off = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": False}]}
    directory.expect(409, "PATCH", f"/Users/{made['id']}", off)
    directory.expect(409, "DELETE", f"/Users/{made['id']}")
    assert user(made).is_active
    assert user(made).username == USERNAME
    make_person("ada")
    directory.expect(200, "PATCH", f"/Users/{made['id']}", off)


def test_b12_sso_and_scim_are_one_person_by_external_id_only(directory: Directory) -> None:
    client = User.objects.get(username="directory")
    ProvisioningClient.objects.create(account=client, provider="sso")
    made = directory.add_user(USERNAME, externalId="sub-1", emails=[{"value": "g@corp.example"}])
    assert find_provisioned_user(provider="sso", external_id="sub-1") == user(made)
    for provider, external_id in (("sso", "g@corp.example"), ("sso", USERNAME), ("other", "sub-1"), ("sso", "")):
        assert find_provisioned_user(provider=provider, external_id=external_id) is None
    SocialAccount.objects.create(user=user(made), provider="sso", uid="sub-1")
    assert find_provisioned_user(provider="sso", external_id="sub-1") is None


def test_who_signed_in_first_is_adopted_by_the_identity_of_the_sign_in(directory: Directory) -> None:
    client = User.objects.get(username="directory")
    ProvisioningClient.objects.create(account=client, provider="entra", claim="oid")
    grace = make_person("grace")
    SocialAccount.objects.create(user=grace, provider="entra", uid="pairwise", extra_data={"external_id": "oid-9"})
    other = directory.add_user("other", externalId="pairwise")
    assert other["id"] != str(grace.pk)
    made = directory.add_user(USERNAME, externalId="oid-9")
    assert made["id"] == str(grace.pk)
    assert AuditEvent.objects.filter(action="user.adopted_by_provisioning", object_id=str(grace.pk)).exists()


def test_a_command_connects_a_client_with_a_provider(directory: Directory) -> None:
    with pytest.raises(CommandError, match="no identity provider"):
        call_command("connect_provisioning", "directory", "entra")
    IdentityProvider.objects.create(slug="entra", kind="oidc", name="Entra", url="https://login.example/v2.0")
    for _ in range(2):
        call_command("connect_provisioning", "directory", "entra", "--claim", "oid")
    assert ProvisioningClient.objects.values("provider", "claim").get() == {"provider": "entra", "claim": "oid"}
    assert AuditEvent.objects.filter(action="provisioning.connected").count() == 1
    made = directory.add_user(USERNAME, externalId="oid-1")
    assert find_provisioned_user(provider="entra", external_id="oid-1") == user(made)


def test_the_only_provider_is_meant_where_none_is_named(directory: Directory) -> None:
    IdentityProvider.objects.create(slug="entra", kind="oidc", name="Entra", url="https://login.example/v2.0")
    made = directory.add_user(USERNAME, externalId="sub-1")
    assert find_provisioned_user(provider="entra", external_id="sub-1") == user(made)
    IdentityProvider.objects.create(slug="okta", kind="oidc", name="Okta", url="https://login.example/v3.0")
    directory.add_user("other", externalId="sub-2")
    for provider in ("entra", "okta"):
        assert find_provisioned_user(provider=provider, external_id="sub-2") is None
