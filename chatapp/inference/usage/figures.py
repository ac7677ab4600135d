from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class UsageBy(StrEnum):
    USER = "user"
    GROUP = "group"
    VERSION = "version"
    ROUTE = "route"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Usage:
    """`cached` of the answers were given again out of the cache: they used no tokens and cost nothing."""

    answers: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal = Decimal(0)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.answers + other.answers,
            self.cached + other.cached,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost + other.cost,
        )


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds from the claim of an answer to its first token and to its end; None where no answer had one."""

    first_token_p50: float | None = None
    first_token_p95: float | None = None
    duration_p50: float | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """`key` is what was summed by: an id, a route's name, a day; None (with an empty name) for what is deleted.

    `users` are those who asked for the answers.
    """

    key: UUID | int | str | date | None
    name: str
    usage: Usage
    last_used_at: datetime
    users: int = 0
    speed: Speed = Speed()


@dataclass(frozen=True, slots=True)
class DayUsage:
    """One version's on one calendar day; an empty name for deleted versions."""

    day: date
    version: str
    usage: Usage
    speed: Speed = Speed()


@dataclass(frozen=True, slots=True)
class ArmCost:
    """Of the answers that an arm's version wrote itself, without those out of the cache."""

    answers: int
    tokens: int
    cost: Decimal

    @property
    def per_answer(self) -> Decimal:
        return round(self.cost / self.answers, 6) if self.answers else Decimal(0)


@dataclass(frozen=True, slots=True)
class UsageTotal:
    usage: Usage = Usage()
    users: int = 0
    speed: Speed = Speed()
