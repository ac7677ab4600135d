from datetime import datetime
from uuid import UUID

from ninja import Field, Query, Router, Schema

from chatapp.api import selectors
from chatapp.api.auth import ApiRequest
from chatapp.api.lists import ListQuery, Page, page_of

router = Router(tags=["operations"])


class UsageQuery(ListQuery):
    days: int = Field(30, ge=1, le=366, description="The last so many days.")


class UsageOut(Schema):
    user: UUID
    name: str
    answers: int
    prompt_tokens: int
    completion_tokens: int
    last_answer_at: datetime


def shape(row: selectors.UserWithUsage) -> UsageOut:
    return UsageOut(
        user=row.pk,
        name=row.username,
        answers=row.answers,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        last_answer_at=row.last_answer_at,
    )


@router.get("", response=Page[UsageOut])
def list_usage(request: ApiRequest, query: Query[UsageQuery]) -> Page[UsageOut]:
    return page_of(selectors.list_usage_for(request.auth, days=query.days), query, shape, by="last_answer_at")
