from datetime import datetime
from decimal import Decimal
from uuid import UUID

from ninja import Field, Query, Router, Schema

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of_rows
from chatapp.inference.usage import UsageBy, UsageRow, usage_by

router = Router(tags=["operations"], auth=BearerKey("usage"))


class UsageQuery(ListQuery):
    by: UsageBy = Field(UsageBy.USER, description="Somebody in two groups counts in both.")
    days: int = Field(30, ge=1, le=366, description="The last so many days.")


class UsageOut(Schema):
    user: UUID | None = Field(description="With by=user; null when the account is deleted.")
    model_version: str | None = Field(description="With by=version.")
    group: str | None = Field(description="With by=group; null for those in no group.")
    name: str
    answers: int
    cached: int = Field(description="Of the answers: given again out of the cache, without tokens and cost.")
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal = Field(description="By the prices of the versions; titles and summaries are counted in.")
    last_answer_at: datetime


def shape(row: UsageRow, by: UsageBy) -> UsageOut:
    return UsageOut(
        user=row.key if by is UsageBy.USER and isinstance(row.key, UUID) else None,
        model_version=(row.name or None) if by is UsageBy.VERSION else None,
        group=(row.name or None) if by is UsageBy.GROUP else None,
        name=row.name,
        answers=row.usage.answers,
        cached=row.usage.cached,
        prompt_tokens=row.usage.prompt_tokens,
        completion_tokens=row.usage.completion_tokens,
        cost=row.usage.cost,
        last_answer_at=row.last_used_at,
    )


@router.get("", response=Page[UsageOut])
def list_usage(request: ApiRequest, query: Query[UsageQuery]) -> Page[UsageOut]:
    rows = usage_by(request.auth, by=query.by, days=query.days)
    return page_of_rows(
        rows, query, lambda row: shape(row, query.by), place=lambda row: (row.last_used_at, str(row.key))
    )
