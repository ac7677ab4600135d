import pytest

from chatapp.accounts.models import AuditEvent
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.retrieval import selectors, services
from chatapp.retrieval.models import AccessRole, Collection
from chatapp.retrieval.tests.conftest import People


def test_roles_come_from_groups_and_from_having_made_it(people: People, notes: Collection) -> None:
    roles = [selectors.role_of(user, notes) for user in (people.ada, people.alice, people.bob, people.mallory)]
    assert roles == [AccessRole.OWNER, AccessRole.EDITOR, AccessRole.READER, None]
    assert AuditEvent.objects.get(action="collection.created").actor == people.ada


def test_the_strongest_group_counts(people: People, notes: Collection) -> None:
    people.bob.groups.add(*people.alice.groups.all())
    assert selectors.role_of(people.bob, notes) is AccessRole.EDITOR


def test_a_deactivated_account_reads_nothing(people: People, notes: Collection) -> None:
    people.alice.is_active = False
    people.alice.save()
    assert selectors.role_of(people.alice, notes) is None
    assert not selectors.list_collections_for(people.alice).exists()
    assert selectors.get_reader(people.alice.pk) is None


@pytest.mark.parametrize("slug", ["notes", "unknown", "", "a\x00b"])
def test_a_stranger_cannot_tell_a_collection_from_none(people: People, notes: Collection, slug: str) -> None:
    with pytest.raises(ChatappError) as caught:
        selectors.get_collection_for(people.mallory, slug)
    assert caught.value.code == "not_found"
    with pytest.raises(ChatappError) as caught:
        selectors.require_collections(people.mallory, [slug])
    assert caught.value.code == "not_found"


def test_one_foreign_collection_refuses_the_whole_list(people: People, notes: Collection) -> None:
    services.create_collection(user=people.ada, slug="secret", name="Secret", groups={})
    assert selectors.require_collections(people.bob, ["notes"]) == [notes]
    with pytest.raises(ChatappError):
        selectors.require_collections(people.bob, ["notes", "secret"])


def test_only_administrators_and_knowledge_editors_create(people: People) -> None:
    for user in (people.alice, people.mallory):
        with pytest.raises(ChatappError) as caught:
            services.create_collection(user=user, slug="new", name="New", groups={})
        assert caught.value.code == "forbidden"
    assert not Collection.objects.exists()


def test_who_may_upload(people: People, notes: Collection) -> None:
    allowed = [can(user, "retrieval.upload_document", notes) for user in (people.ada, people.alice, people.bob)]
    assert allowed == [True, True, False]
    assert not can(people.mallory, "retrieval.view_collection", notes)


@pytest.mark.parametrize(
    "slug,name,groups",
    [
        ("with space", "x", {}),
        ("", "x", {}),
        ("../x", "x", {}),
        ("s" * 65, "x", {}),
        ("fine", "n" * 121, {}),
        ("fine", "x", {"no such group": "reader"}),
        ("fine", "x", {"engineering": "god"}),
        ("fine", "x", {"\x00": "reader"}),
    ],
)
def test_bad_input_is_named(people: People, slug: str, name: str, groups: dict[str, str]) -> None:
    with pytest.raises(ChatappError) as caught:
        services.create_collection(user=people.ada, slug=slug, name=name, groups=groups)
    assert caught.value.code == "invalid"


def test_a_slug_is_taken_once(people: People, notes: Collection) -> None:
    with pytest.raises(ChatappError) as caught:
        services.create_collection(user=people.ada, slug="notes", name="Other", groups={})
    assert caught.value.code == "exists"
