"""Lists: filter, order, page and the choice of attributes (RFC 7644, 3.4.2 and 3.9)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from scim2_models import Context, Resource, ResponseParameters, SearchRequest

from chatapp.api.scim.errors import ScimError
from chatapp.api.scim.filters import MAX_LENGTH, Column, column_of, condition_of

MAX_COUNT = 200
_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_PARAMETERS = ("filter", "sortBy", "sortOrder", "startIndex", "count", "attributes", "excludedAttributes")
M = TypeVar("M", bound=Model)


def read_query(request: HttpRequest, kind: type[Resource[Any]]) -> SearchRequest[Any]:
    """Raises ScimError and what `scim2_models` raises."""
    told = {name: request.GET[name] for name in _PARAMETERS if request.GET.get(name)}
    if len(told.get("filter", "")) > MAX_LENGTH:
        raise ScimError(400, f"A filter has at most {MAX_LENGTH} characters.", "invalidFilter")
    if "\0" in "".join(told.values()):
        raise ScimError(400, "A parameter holds a character that no text has.", "invalidValue")
    if "sortOrder" in told:
        told["sortOrder"] = told["sortOrder"].lower()
    query: SearchRequest[Any] = SearchRequest[kind].model_validate(told)  # type: ignore[valid-type]
    return query


def find_page(
    rows: QuerySet[M],
    query: SearchRequest[Any],
    columns: Mapping[str, Column],
    *,
    cut: Callable[[Sequence[M]], Sequence[M]] = lambda page: page,
) -> tuple[int, Sequence[M]]:
    """How many there are in all, and one page of them, which `cut` may shorten. Two queries."""
    if query.filter is not None:
        # Below, so that a condition on members gives no row twice.
        rows = rows.filter(pk__in=rows.filter(condition_of(query.filter.ast, columns)).values("pk"))
    start = query.start_index_0 or 0
    count = MAX_COUNT if query.count is None else min(query.count, MAX_COUNT)
    total = rows.count()
    if not count or start >= total:
        return total, []
    return total, cut(list(rows.order_by(*_order(query, columns))[start : start + count]))


def list_document(query: SearchRequest[Any], total: int, documents: Sequence[Resource[Any]]) -> dict[str, object]:
    return {
        "schemas": [_LIST],
        "totalResults": total,
        "startIndex": (query.start_index_0 or 0) + 1,
        "itemsPerPage": len(documents),
        "Resources": [dump(document, query) for document in documents],
    }


def dump(document: Resource[Any], chosen: ResponseParameters[Any] | None = None) -> dict[str, Any]:
    shown: dict[str, Any] = document.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=chosen)
    return shown


def wants(query: ResponseParameters[Any], name: str) -> bool:
    """Whether an attribute that costs a query is asked for."""
    excluded = {str(path).lower().rpartition(":")[2] for path in query.excluded_attributes or ()}
    chosen = {str(path).lower().rpartition(":")[2].partition(".")[0] for path in query.attributes or ()}
    return name not in excluded and (not chosen or name in chosen)


def _order(query: SearchRequest[Any], columns: Mapping[str, Column]) -> list[str]:
    if query.sort_by is None:
        return ["created_at", "pk"]
    path = column_of(str(query.sort_by), columns).path
    if path.startswith("memberships"):
        raise ScimError(400, "Lists cannot be sorted by that.", "invalidPath")
    return [f"-{path}" if query.sort_order == SearchRequest.SortOrder.descending else path, "pk"]
