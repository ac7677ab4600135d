"""What counts where no limit was set."""

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class StandingLimits:
    requests_per_minute: int
    tokens_per_day: int


def standing_limits() -> StandingLimits:
    return StandingLimits(settings.REQUESTS_PER_MINUTE, settings.TOKENS_PER_DAY)
