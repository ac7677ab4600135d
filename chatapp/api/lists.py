"""Lists as the API answers them: newest first, in pages by keyset, so that new rows never shift a page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from ninja import Field, Schema

from chatapp.errors import ChatappError

M = TypeVar("M", bound=Model)
R = TypeVar("R")
T = TypeVar("T")


class ListQuery(Schema):
    limit: int = Field(50, ge=1, le=200)
    cursor: str = Field("", max_length=200, description="`next` of the page before.")


class Page(Schema, Generic[T]):
    items: list[T]
    next: str | None = Field(description="Pass it as `cursor` for the next page; null on the last one.")


def page_of(rows: QuerySet[M], query: ListQuery, shape: Callable[[M], T], *, by: str = "created_at") -> Page[T]:
    """One page of `rows` by the time column `by`. Raises ChatappError("invalid") for a cursor that was made up."""
    return page_of_several([(rows, shape)], query, by=by)


def page_of_several(
    lists: Sequence[tuple[QuerySet[Any], Callable[[Any], T]]], query: ListQuery, *, by: str = "created_at"
) -> Page[T]:
    """As `page_of`, of rows of several tables in one list; where there are several, their keys are UUIDs."""
    found = [(row, shape) for rows, shape in lists for row in _next_rows(rows, query, by)]
    if len(lists) > 1:
        found.sort(key=lambda one: (getattr(one[0], by), one[0].pk), reverse=True)
    shown = found[: query.limit]
    last = shown[-1][0] if len(found) > query.limit else None
    after = _encode(getattr(last, by), str(last.pk)) if last is not None else None
    return Page[Any](items=[shape(row) for row, shape in shown], next=after)


def _next_rows(rows: QuerySet[M], query: ListQuery, by: str) -> list[M]:
    ordered = rows.order_by(f"-{by}", "-pk")
    if query.cursor:
        at, pk = _decode(query.cursor)
        ordered = ordered.filter(Q(**{f"{by}__lt": at}) | Q(**{by: at, "pk__lt": _key(pk, rows.model)}))
    return list(ordered[: query.limit + 1])


def page_of_rows(
    rows: Sequence[R], query: ListQuery, shape: Callable[[R], T], *, place: Callable[[R], tuple[datetime, str]]
) -> Page[T]:
    """As `page_of`, of rows that are sums and have been made already: newest first, in the order of their places."""
    after = _decode(query.cursor) if query.cursor else None
    left = [row for row in rows if after is None or place(row) < after]
    shown = left[: query.limit]
    more = len(left) > query.limit
    return Page[Any](items=[shape(row) for row in shown], next=_encode(*place(shown[-1])) if more else None)


def _encode(at: datetime, key: str) -> str:
    return urlsafe_b64encode(f"{at.isoformat()} {key}".encode()).decode()


def _decode(cursor: str) -> tuple[datetime, str]:
    try:
        at, _, key = urlsafe_b64decode(cursor.encode()).decode().rpartition(" ")
        return datetime.fromisoformat(at).astimezone(UTC), key
    except (ValueError, OverflowError):
        raise _foreign_cursor() from None


def _key(key: str, model: type[Model]) -> object:
    try:
        return model._meta.pk.to_python(key)  # noqa: SLF001 (Django's public name for it)
    except ValidationError:
        raise _foreign_cursor() from None


def _foreign_cursor() -> ChatappError:
    return ChatappError("invalid", detail="the cursor is not one of this list.")
