"""`/Users`."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from scim2_models import Context, PatchOp, SearchRequest

from chatapp.accounts.models import ProvisionedUser
from chatapp.accounts.selectors.provisioning import (
    get_provisioned_user_for,
    groups_of_people,
    list_provisioned_users_for,
)
from chatapp.accounts.services import provisioned_users as services
from chatapp.api.scim.dialects import normalize_body, normalize_patch
from chatapp.api.scim.documents import Person, person_document, record_of_document
from chatapp.api.scim.filters import PERSON
from chatapp.api.scim.lists import dump, find_page, list_document, read_query, wants
from chatapp.api.scim.requests import ScimRequest, answer, is_unchanged, read_body, require_match, scim_view


def list_users(request: ScimRequest) -> HttpResponse:
    query = read_query(request, Person)
    total, people = find_page(list_provisioned_users_for(request.client), query, PERSON)
    return answer(list_document(query, total, _documents(request, people, query)))


def create_user(request: ScimRequest) -> HttpResponse:
    query = read_query(request, Person)
    posted = Person.model_validate(normalize_body(read_body(request)), scim_ctx=Context.RESOURCE_CREATION_REQUEST)
    person = services.create_provisioned_user(client=request.client, record=record_of_document(posted))
    return _answer(request, person, query, status=201)


def get_user(request: ScimRequest, user_id: str) -> HttpResponse:
    query, person = read_query(request, Person), get_provisioned_user_for(request.client, user_id)
    return HttpResponse(status=304) if is_unchanged(request, person) else _answer(request, person, query)


def replace_user(request: ScimRequest, user_id: str) -> HttpResponse:
    query, person = read_query(request, Person), get_provisioned_user_for(request.client, user_id)
    require_match(request, person)
    put = Person.model_validate(normalize_body(read_body(request)), scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST)
    changed = services.change_provisioned_user(client=request.client, person=person, record=record_of_document(put))
    return _answer(request, changed, query)


def patch_user(request: ScimRequest, user_id: str) -> HttpResponse:
    query, person = read_query(request, Person), get_provisioned_user_for(request.client, user_id)
    require_match(request, person)
    patch = PatchOp[Person].model_validate(normalize_patch(read_body(request)), scim_ctx=Context.RESOURCE_PATCH_REQUEST)
    document = _documents(request, [person], query)[0]
    patch.patch(document)
    record = record_of_document(document)
    return _answer(
        request, services.change_provisioned_user(client=request.client, person=person, record=record), query
    )


def delete_user(request: ScimRequest, user_id: str) -> HttpResponse:
    person = get_provisioned_user_for(request.client, user_id)
    require_match(request, person)
    services.remove_provisioned_user(client=request.client, person=person)
    return HttpResponse(status=204)


def _documents(request: ScimRequest, people: Sequence[ProvisionedUser], query: SearchRequest[Any]) -> list[Person]:
    groups = groups_of_people(people) if people and wants(query, "groups") else {}
    return [person_document(person, groups.get(person.pk, []), request.base) for person in people]


def _answer(
    request: ScimRequest, person: ProvisionedUser, query: SearchRequest[Any], *, status: int = 200
) -> HttpResponse:
    return answer(dump(_documents(request, [person], query)[0], query), status=status)


collection = scim_view(get=list_users, post=create_user)
item = scim_view(get=get_user, put=replace_user, patch=patch_user, delete=delete_user)
