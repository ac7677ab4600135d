"""`/Groups`: ten thousand members are never read to change one of them."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Count
from django.http import HttpResponse
from scim2_models import Context, PatchOp, SearchRequest

from chatapp.accounts.models import ProvisionedGroup
from chatapp.accounts.selectors.provisioning import (
    get_provisioned_group_for,
    list_provisioned_groups_for,
    members_of_groups,
)
from chatapp.accounts.services import provisioned_groups as services
from chatapp.accounts.services.provisioned_groups import MemberChange
from chatapp.api.scim.dialects import normalize_body, normalize_patch
from chatapp.api.scim.documents import Group, group_document
from chatapp.api.scim.filters import GROUP
from chatapp.api.scim.group_patches import change_of
from chatapp.api.scim.lists import dump, find_page, list_document, read_query, wants
from chatapp.api.scim.requests import ScimRequest, answer, is_unchanged, read_body, require_match, scim_view

MAX_MEMBERS_LISTED = 20_000


def list_groups(request: ScimRequest) -> HttpResponse:
    query, rows = read_query(request, Group), list_provisioned_groups_for(request.client)
    groups: Sequence[ProvisionedGroup]
    if wants(query, "members"):
        total, groups = find_page(rows.annotate(size=Count("memberships")), query, GROUP, cut=_cut)
    else:
        total, groups = find_page(rows, query, GROUP)
    return answer(list_document(query, total, _documents(request, groups, query)))


def create_group(request: ScimRequest) -> HttpResponse:
    query, posted = read_query(request, Group), _read(request, Context.RESOURCE_CREATION_REQUEST)
    group = services.create_provisioned_group(
        client=request.client,
        name=posted.display_name or "",
        external_id=posted.external_id or "",
        members=_members(posted),
    )
    return _answer(request, group, query, status=201)


def get_group(request: ScimRequest, group_id: str) -> HttpResponse:
    query, group = read_query(request, Group), get_provisioned_group_for(request.client, group_id)
    return HttpResponse(status=304) if is_unchanged(request, group) else _answer(request, group, query)


def replace_group(request: ScimRequest, group_id: str) -> HttpResponse:
    query, group = read_query(request, Group), get_provisioned_group_for(request.client, group_id)
    require_match(request, group)
    put = _read(request, Context.RESOURCE_REPLACEMENT_REQUEST)
    changed = services.change_provisioned_group(
        client=request.client,
        group=group,
        name=put.display_name or "",
        external_id=put.external_id or "",
        members=MemberChange(added=_members(put), replaces=True),
    )
    return _answer(request, changed, query)


def patch_group(request: ScimRequest, group_id: str) -> HttpResponse:
    """Answers without a body, as RFC 7644 allows and Entra expects of groups; Okta reads either."""
    group = get_provisioned_group_for(request.client, group_id)
    require_match(request, group)
    patch = PatchOp[Group].model_validate(normalize_patch(read_body(request)), scim_ctx=Context.RESOURCE_PATCH_REQUEST)
    change = change_of(patch, group_id=str(group.pk))
    services.change_provisioned_group(
        client=request.client,
        group=group,
        name=change.name,
        external_id=change.external_id,
        members=change.members(),
    )
    return HttpResponse(status=204)


def delete_group(request: ScimRequest, group_id: str) -> HttpResponse:
    group = get_provisioned_group_for(request.client, group_id)
    require_match(request, group)
    services.remove_provisioned_group(client=request.client, group=group)
    return HttpResponse(status=204)


def _read(request: ScimRequest, context: Context) -> Group:
    return Group.model_validate(normalize_body(read_body(request)), scim_ctx=context)


def _members(document: Group) -> frozenset[str]:
    return frozenset(member.value or "" for member in document.members or ())


def _cut(groups: Sequence[Any]) -> Sequence[Any]:
    """A page has fewer groups where they are large, but always one; the client asks on from `startIndex`."""
    total = 0
    kept: list[Any] = []
    for group in groups:
        total += group.size
        if kept and total > MAX_MEMBERS_LISTED:
            break
        kept.append(group)
    return kept


def _documents(request: ScimRequest, groups: Sequence[ProvisionedGroup], query: SearchRequest[Any]) -> list[Group]:
    members = members_of_groups(groups) if groups and wants(query, "members") else {}
    return [group_document(group, members.get(group.pk, []), request.base) for group in groups]


def _answer(
    request: ScimRequest, group: ProvisionedGroup, query: SearchRequest[Any], *, status: int = 200
) -> HttpResponse:
    return answer(dump(_documents(request, [group], query)[0], query), status=status)


collection = scim_view(get=list_groups, post=create_group)
item = scim_view(get=get_group, put=replace_group, patch=patch_group, delete=delete_group)
