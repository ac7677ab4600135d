"""Roles by hand, by company groups and made of permissions; nobody gives what he does not hold."""

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Group

from chatapp.accounts import services
from chatapp.accounts.models import AuditEvent, CustomRole, Role, User
from chatapp.accounts.permissions import CATALOGUE, can, permissions_of_role
from chatapp.accounts.signals import AccessChange, access_changed
from chatapp.errors import ChatappError
from tests.people import PersonFactory

pytestmark = pytest.mark.django_db
Changed = list[tuple[object, AccessChange]]


@pytest.fixture
def changed() -> Iterator[Changed]:
    told: Changed = []

    def note(user_id: object, change: AccessChange, **_: object) -> None:
        told.append((user_id, change))

    access_changed.connect(note, weak=False)
    yield told
    access_changed.disconnect(note)


def group(name: str) -> Group:
    return Group.objects.get_or_create(name=name)[0]


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(ChatappError) as raised:
        call()
    assert raised.value.code == code


def triager(actor: User) -> CustomRole:
    permissions = ["moderation.review_flag", "accounts.view_usage"]
    return services.create_custom_role(actor=actor, slug="triager", name="Triager", permissions=permissions)


def test_every_permission_has_a_label_and_a_role() -> None:
    assert len({granted.label for granted in CATALOGUE.values()}) == len(CATALOGUE) >= 10
    assert all(granted.roles for granted in CATALOGUE.values())


def test_administrators_hold_every_permission_so_that_they_can_give_each() -> None:
    assert permissions_of_role(Role.ADMINISTRATOR) == CATALOGUE.keys()


def test_auditors_change_nothing() -> None:
    # They ask to read somebody's conversations, or agree to it, as the second pair of eyes.
    reading = ("view_", "export_", "request_", "approve_")
    assert all(action.partition(".")[2].startswith(reading) for action in permissions_of_role(Role.AUDITOR))


def test_employees_have_no_permission_over_others() -> None:
    assert permissions_of_role(Role.EMPLOYEE) == frozenset()


def test_roles_by_hand_take_effect_and_are_audited(
    ada: User, bob: User, changed: Changed, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        services.set_roles(user=bob, roles=["employee", "reviewer"], actor=ada, reason="New in the team.")
    assert can(User.objects.get(pk=bob.pk), "moderation.review_flag")
    assert can(bob, "moderation.review_flag")
    event = AuditEvent.objects.get(action="user.roles_changed")
    assert (event.actor, event.object_id, event.reason) == (ada, str(bob.pk), "New in the team.")
    assert event.before == {"roles": ["employee"], "permissions": []}
    assert event.after == {"roles": ["employee", "reviewer"], "permissions": []}
    assert changed == [(bob.pk, AccessChange.RIGHTS)]


def test_a_group_gives_its_role_and_takes_it_away(ada: User, bob: User, mallory: User) -> None:
    services.set_group_roles(group=group("sales"), roles=["model_operator"], actor=ada)
    assert can(User.objects.get(pk=bob.pk), "inference.serve_version")
    assert not can(User.objects.get(pk=mallory.pk), "inference.serve_version")
    services.set_company_groups(user=mallory, names=["sales"])
    assert can(mallory, "inference.serve_version")
    services.set_company_groups(user=mallory, names=[])
    assert not can(mallory, "inference.serve_version")
    services.set_group_roles(group=group("sales"), roles=[], actor=ada)
    assert User.objects.get(pk=bob.pk).roles == ["employee"]
    assert User.objects.get(pk=bob.pk).own_roles == ["employee"]
    assert list(
        AuditEvent.objects.filter(action="group.roles_changed").values_list("before", "after").order_by("at")
    ) == [
        ({"roles": []}, {"roles": ["model_operator"]}),
        ({"roles": ["model_operator"]}, {"roles": []}),
    ]


def test_what_a_group_gives_stays_when_roles_by_hand_go(ada: User, bob: User) -> None:
    services.set_group_roles(group=group("sales"), roles=["reviewer"], actor=ada)
    services.set_roles(user=bob, roles=["auditor"], actor=ada)
    services.set_roles(user=bob, roles=[], actor=ada)
    assert User.objects.get(pk=bob.pk).roles == ["reviewer"]


def test_a_custom_role_gives_its_permissions_and_no_others(ada: User, bob: User) -> None:
    triager(ada)
    services.set_roles(user=bob, roles=["employee", "triager"], actor=ada)
    assert can(bob, "moderation.review_flag")
    assert can(bob, "console.open")
    assert not can(bob, "moderation.view_policy")
    bob.is_active = False
    assert not can(bob, "moderation.review_flag")


def test_a_changed_and_a_deleted_role_reach_all_who_have_it(ada: User, bob: User, mallory: User) -> None:
    role = triager(ada)
    services.set_roles(user=mallory, roles=["triager"], actor=ada)
    services.set_group_roles(group=group("sales"), roles=["triager"], actor=ada)
    services.change_custom_role(actor=ada, role=role, name="Counter", permissions=["accounts.view_usage"])
    for user in (bob, mallory):
        user.refresh_from_db()
        assert user.permissions == ["accounts.view_usage"]
    services.delete_custom_role(actor=ada, role=role)
    for user in (bob, mallory):
        user.refresh_from_db()
        assert (user.permissions, "triager" in user.roles, "triager" in user.own_roles) == ([], False, False)
    assert not group("sales").given_roles.exists()
    actions = AuditEvent.objects.filter(action__startswith="role.").order_by("at").values_list("action", flat=True)
    assert list(actions) == ["role.created", "role.changed", "role.deleted"]


def test_b18_nobody_gives_or_takes_what_he_does_not_hold(ada: User, bob: User, oscar: User, mallory: User) -> None:
    """A custom role may hold the right to give roles; whoever has it stays within his own rights."""
    deputy = ["accounts.manage_roles", "accounts.view_usage"]
    services.create_custom_role(actor=ada, slug="deputy", name="Deputy", permissions=deputy)
    services.set_roles(user=bob, roles=["deputy"], actor=ada)
    before = list(User.objects.order_by("pk").values("roles", "own_roles", "permissions"))
    create, change = services.create_custom_role, services.change_custom_role
    role = CustomRole.objects.get()
    beyond = [*deputy, "moderation.review_flag"]
    for call in (
        lambda: services.set_roles(user=bob, roles=["administrator"], actor=bob),
        lambda: services.set_roles(user=mallory, roles=["employee", "reviewer"], actor=bob),
        lambda: services.set_roles(user=oscar, roles=["employee"], actor=bob),
        lambda: services.set_group_roles(group=group("sales"), roles=["administrator"], actor=bob),
        lambda: create(actor=bob, slug="more", name="More", permissions=beyond),
        lambda: change(actor=bob, role=role, name="More", permissions=beyond),
        lambda: services.set_roles(user=mallory, roles=["administrator"], actor=mallory),
        lambda: services.delete_custom_role(actor=mallory, role=role),
    ):
        refused("forbidden", call)
    assert list(User.objects.order_by("pk").values("roles", "own_roles", "permissions")) == before
    assert CustomRole.objects.get().permissions == sorted(deputy)
    services.set_roles(user=mallory, roles=["employee", "deputy"], actor=bob)
    assert can(mallory, "accounts.view_usage")


def test_the_last_administrator_stays(ada: User, bob: User) -> None:
    refused("last_administrator", lambda: services.set_roles(user=ada, roles=["employee"], actor=ada))
    ada.refresh_from_db()
    assert can(ada, "accounts.manage_roles")
    services.set_roles(user=bob, roles=["administrator"], actor=ada)
    services.set_roles(user=ada, roles=["employee"], actor=ada)
    refused("last_administrator", lambda: services.set_roles(user=bob, roles=[], actor=bob))


def test_the_last_administrator_by_a_group_stays(ada: User, bob: User) -> None:
    services.set_group_roles(group=group("sales"), roles=["administrator"], actor=ada)
    services.set_roles(user=ada, roles=["employee"], actor=ada)
    bob.refresh_from_db()
    refused("last_administrator", lambda: services.set_group_roles(group=group("sales"), roles=[], actor=bob))


@pytest.mark.parametrize(
    "code,slug,name,permissions",
    [
        ("exists", "reviewer", "Reviewer", ["accounts.view_usage"]),
        ("exists", "triager", "Again", ["accounts.view_usage"]),
        ("invalid", "new", "New", []),
        ("invalid", "new", "New", ["accounts.fly"]),
        ("invalid", "new", " ", ["accounts.view_usage"]),
        ("invalid", "new", "x" * 101, ["accounts.view_usage"]),
        ("invalid", "New Role", "New", ["accounts.view_usage"]),
        ("invalid", "x" * 33, "New", ["accounts.view_usage"]),
    ],
)
def test_a_malformed_role_is_refused(ada: User, code: str, slug: str, name: str, permissions: list[str]) -> None:
    triager(ada)
    make = services.create_custom_role
    refused(code, lambda: make(actor=ada, slug=slug, name=name, permissions=permissions))
    assert CustomRole.objects.count() == 1


def test_an_unknown_role_is_refused(ada: User, bob: User) -> None:
    refused("invalid", lambda: services.set_roles(user=bob, roles=["king"], actor=ada))


def test_many_members_cost_no_query_each(ada: User, django_assert_max_num_queries: Callable[[int], object]) -> None:
    PersonFactory.create_batch(30)
    services.set_group_roles(group=group("staff"), roles=["employee"], actor=ada)
    with django_assert_max_num_queries(25):  # type: ignore[attr-defined]
        services.settle_members(groups=[group("staff")])
