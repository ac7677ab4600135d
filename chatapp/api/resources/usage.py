from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from ninja import Field, Query, Router, Schema

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of_rows
from chatapp.errors import ChatappError
from chatapp.inference.usage import UsageBy, UsageRow, UsageScope, usage_by
from chatapp.inference.usage.scope import last_hours

router = Router(tags=["operations"], auth=BearerKey("usage"))


class UsageQuery(ListQuery):
    by: UsageBy = Field(UsageBy.USER, description="Somebody in two groups counts in both.")
    days: int = Field(30, ge=1, le=366, description="The last so many days, of 24 hours each.")
    user: str = Field("", max_length=150, description="Of this person only, by name; an unknown name finds nothing.")
    group: str = Field("", max_length=150)
    model_version: str = Field("", max_length=100)
    route: str = Field("", max_length=64)

    def scope(self) -> UsageScope:
        """Raises ChatappError("invalid")."""
        named = {"user": self.user, "group": self.group, "version": self.model_version, "route": self.route}
        if any("\0" in name for name in named.values()):
            raise ChatappError("invalid", detail="names hold no such character.")
        return last_hours(24 * self.days).narrowed(**named)


class UsageOut(Schema):
    user: UUID | None = Field(description="With by=user; null when the account is deleted.")
    model_version: str | None = Field(description="With by=version.")
    group: str | None = Field(description="With by=group; null for those in no group.")
    route: str | None = Field(description="With by=route; null for side work, and for answers by no route.")
    day: date | None = Field(description="With by=day, in the company's time zone.")
    name: str
    answers: int
    cached: int = Field(description="Of the answers: given again out of the cache, without tokens and cost.")
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal = Field(description="By the prices of the versions; titles and summaries are counted in.")
    users: int = Field(description="Those who asked for the answers.")
    first_token_p50: float | None = Field(description="Seconds; null where no answer had a first token.")
    first_token_p95: float | None
    duration_p50: float | None = Field(description="Seconds from the claim of an answer to its end.")
    last_answer_at: datetime


def shape(row: UsageRow, by: UsageBy) -> UsageOut:
    return UsageOut(
        user=row.key if by is UsageBy.USER and isinstance(row.key, UUID) else None,
        model_version=(row.name or None) if by is UsageBy.VERSION else None,
        group=(row.name or None) if by is UsageBy.GROUP else None,
        route=(row.name or None) if by is UsageBy.ROUTE else None,
        day=row.key if by is UsageBy.DAY and isinstance(row.key, date) else None,
        name=row.name,
        answers=row.usage.answers,
        cached=row.usage.cached,
        prompt_tokens=row.usage.prompt_tokens,
        completion_tokens=row.usage.completion_tokens,
        cost=row.usage.cost,
        users=row.users,
        first_token_p50=row.speed.first_token_p50,
        first_token_p95=row.speed.first_token_p95,
        duration_p50=row.speed.duration_p50,
        last_answer_at=row.last_used_at,
    )


@router.get("", response=Page[UsageOut])
def list_usage(request: ApiRequest, query: Query[UsageQuery]) -> Page[UsageOut]:
    rows = usage_by(request.auth, by=query.by, scope=query.scope())
    return page_of_rows(
        rows, query, lambda row: shape(row, query.by), place=lambda row: (row.last_used_at, str(row.key))
    )
