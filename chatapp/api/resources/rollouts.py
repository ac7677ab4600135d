from typing import Any

from ninja import Query, Router

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page

router = Router(tags=["models"], auth=BearerKey("rollouts", "rollouts:write"))


@router.get("", response=Page[dict[str, Any]])
def list_rollouts(request: ApiRequest, query: Query[ListQuery]) -> Page[dict[str, Any]]:  # noqa: ARG001 (as every list)
    """Always empty: a route changes in one step in this version of the product."""
    return Page[dict[str, Any]](items=[], next=None)
