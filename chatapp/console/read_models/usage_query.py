"""What the usage page was asked for; the same words make its links and its file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from chatapp.errors import ChatappError
from chatapp.inference.usage import UsageBy, UsageScope
from chatapp.inference.usage.scope import calendar_days, last_days, last_hours

DAYS = (1, 7, 30, 90)
MOST_DAYS = 366
NARROWING = ("user", "group", "version", "route")


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """`days` is 0 where the first and the last day were named."""

    by: UsageBy
    days: int
    scope: UsageScope
    given: dict[str, str]

    @property
    def has_days(self) -> bool:
        """Whether there is more than one to draw."""
        return (self.scope.until - self.scope.since).days > 1

    @property
    def narrowed(self) -> dict[str, str]:
        return {name: self.given[name] for name in NARROWING if name in self.given}

    @property
    def names(self) -> dict[str, str]:
        """What the form has a field for, also where nothing stands in it."""
        return {name: self.given.get(name, "") for name in NARROWING}

    @property
    def encoded(self) -> str:
        return urlencode(self.given)

    def link(self, **changes: str) -> str:
        """The page with some of it changed; what is empty is left out."""
        return "?" + urlencode({name: value for name, value in {**self.given, **changes}.items() if value})


def parse_usage_query(values: Mapping[str, str]) -> UsageQuery:
    """Raises ChatappError("invalid")."""
    names = ("days", "by", "from", "to", *NARROWING)
    given = {name: value for name in names if (value := str(values.get(name, "")).strip())}
    if any("\0" in value or len(value) > 150 for value in given.values()):
        raise ChatappError("invalid", detail="names have at most 150 characters.")
    by = given.setdefault("by", UsageBy.VERSION.value)
    if by not in list(UsageBy):
        raise ChatappError("invalid", detail=f"by must be one of {', '.join(UsageBy)}.")
    if "from" in given or "to" in given:
        given.pop("days", None)
        days, scope = 0, _named_days(given.get("from", ""), given.get("to", ""))
    else:
        days, scope = _counted_days(given.setdefault("days", "7"))
    narrowed = {name: given[name] for name in NARROWING if name in given}
    return UsageQuery(UsageBy(by), days, scope.narrowed(**narrowed), given)


def _counted_days(days: str) -> tuple[int, UsageScope]:
    if days not in {str(choice) for choice in DAYS}:
        raise ChatappError("invalid", detail=f"days must be one of {', '.join(map(str, DAYS))}.")
    return int(days), last_hours(24) if days == "1" else last_days(int(days))


def _named_days(first: str, last: str) -> UsageScope:
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise ChatappError("invalid", detail="from and to are both days, such as 2026-01-31.") from None
    if not (date(2000, 1, 1) <= begin <= end <= date(9000, 1, 1)) or (end - begin).days >= MOST_DAYS:
        raise ChatappError("invalid", detail=f"from lies before to, and between them {MOST_DAYS} days at most.")
    return calendar_days(begin, end)
