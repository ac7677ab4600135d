"""Fills an empty product with the demo company. What is already there is left as people have made it since."""

from collections.abc import Sequence

from django.contrib.auth.models import Group
from django.db import transaction

from chatapp.accounts.models import Role, User
from chatapp.accounts.selectors import get_user_by_name
from chatapp.accounts.services import record_event, set_company_groups
from chatapp.demo import policy
from chatapp.demo.company import COLLECTIONS, OWNER, PEOPLE, Person, Shelf
from chatapp.demo.documents import MEDIA_TYPES, render_document
from chatapp.demo.questions import QUESTIONS
from chatapp.demo.sources import load_sources
from chatapp.demo.versions import describe_version
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.inference.selectors import get_version_by_name, serving_version
from chatapp.inference.services import RuleSpec, configure_route, register_version
from chatapp.moderation.selectors import list_policies_for
from chatapp.moderation.services import create_policy_version
from chatapp.retrieval.evaluation import Source as Expected
from chatapp.retrieval.models import Collection
from chatapp.retrieval.selectors import list_collections_for
from chatapp.retrieval.services import add_golden_question, create_collection, upload_document


def seed_company(*, password: str, models: Sequence[str]) -> list[str]:
    """What was made, one line each; empty when everything was there.

    The first of `models` serves if nothing serves yet. Raises ChatappError("model_unknown") for a name that is
    not packaged.
    """
    made = [*_seed_people(password), *_seed_versions(models)]
    owner = get_user_by_name(OWNER)
    assert owner is not None  # noqa: S101 - made above
    return [*made, *_seed_policy(owner), *_seed_collections(owner)]


@transaction.atomic
def _seed_people(password: str) -> list[str]:
    known = {user.username: user for user in User.objects.filter(username__in=[person.username for person in PEOPLE])}
    made = [person.username for person in PEOPLE if person.username not in known]
    # All demo passwords are set together, so one tells for all: hashing is slow on purpose.
    witness = known.get(OWNER)
    if witness and not witness.check_password(password):
        for user in known.values():
            user.set_password(password)
            user.save(update_fields=["password"])
            record_event(actor=None, action="user.password_set", obj=user)
    for person in PEOPLE:
        if person.username in made:
            _create_person(person, password)
    return [f"account {username}" for username in made]


def _create_person(person: Person, password: str) -> None:
    roles = [role.value for role in (Role.EMPLOYEE, *person.roles)]
    user = User.objects.create_user(
        username=person.username,
        email=person.email,
        password=password,
        first_name=person.first_name,
        last_name=person.last_name,
        own_roles=roles,
        roles=roles,
    )
    record_event(actor=None, action="user.created", obj=user, detail={"roles": user.roles})
    set_company_groups(user=user, names=person.groups)


def _seed_versions(models: Sequence[str]) -> list[str]:
    known = set(ModelVersion.objects.values_list("name", flat=True))
    missing = [name for name in models if name not in known]
    for name in missing:
        try:
            register_version(user=None, **describe_version(name))
        except KeyError:
            raise ChatappError("model_unknown", name=name) from None
    if models and serving_version() is None:
        _seed_route(models)
    return [f"model version {name}" for name in missing]


def _seed_route(models: Sequence[str]) -> None:
    """The first model answers; a second one of weights answers whoever prefers fast, and when the first cannot."""
    first, *others = [get_version_by_name(name) for name in models]
    spare = [version for version in others if version.provider == Provider.LLAMA_CPP][:1]
    rules = [RuleSpec(version=version, choice="fast") for version in spare]
    configure_route(user=None, name=Route.DEFAULT, version=first, rules=rules, fallbacks=spare)


def _seed_policy(owner: User) -> list[str]:
    if list_policies_for(owner).filter(name=policy.NAME).exists():
        return []
    made = create_policy_version(user=owner, name=policy.NAME, checks=policy.CHECKS, activate=True)
    return [f"policy {made}"]


def _seed_collections(owner: User) -> list[str]:
    known = set(list_collections_for(owner).values_list("slug", flat=True))
    missing = [shelf for shelf in COLLECTIONS if shelf.slug not in known]
    for shelf in missing:
        _fill(shelf, owner)
    return [f"collection {shelf.slug}" for shelf in missing]


def _fill(shelf: Shelf, owner: User) -> None:
    """All or nothing: a set-up that is cut off starts anew, and documents that people delete later stay deleted."""
    files = [
        (source.file_name, MEDIA_TYPES[source.format], render_document(source))
        for source in load_sources()
        if source.collection == shelf.slug
    ]
    with transaction.atomic():
        for name in shelf.groups:
            Group.objects.get_or_create(name=name)
        collection = create_collection(user=owner, slug=shelf.slug, name=shelf.name, groups=shelf.groups)
        for name, media_type, data in files:
            upload_document(user=owner, collection=collection, name=name, data=data, media_type=media_type)
        _ask(shelf, collection, owner)


def _ask(shelf: Shelf, collection: Collection, owner: User) -> None:
    """So that the page of evaluations shows a newcomer what it is for."""
    files = {source.slug: source.file_name for source in load_sources()}
    for golden in QUESTIONS:
        if golden.collection == shelf.slug:
            expected = [Expected(files[golden.source], golden.quote)] if golden.source else []
            facts = [golden.fact] if golden.fact else []
            add_golden_question(user=owner, collection=collection, text=golden.question, sources=expected, facts=facts)
