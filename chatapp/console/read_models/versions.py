"""A version as an operator compares it with others: what it is, where text goes, how it does today."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chatapp.accounts.models import User
from chatapp.console.read_models.states import VersionState, version_states
from chatapp.console.read_models.version_lives import VersionLife, life_of
from chatapp.console.selectors import (
    DayFigures,
    day_figures_for,
    list_problems_for,
    list_shown_versions_for,
    with_places,
)
from chatapp.inference.models import ModelVersion, Provider, Route, Worker

PROVIDERS: dict[str, str] = {
    Provider.LLAMA_CPP: "Own weights",
    Provider.OPENAI_COMPATIBLE: "OpenAI-compatible endpoint",
    Provider.HTTP_JSON: "HTTP endpoint, JSON",
    Provider.MODERATION: "Moderation service, for checks",
    Provider.SCRIPTED: "Scripted, for tests",
}


@dataclass(frozen=True, slots=True)
class VersionRow:
    """`routes` are the names of those that answer with it by default."""

    version: ModelVersion
    routes: list[str]
    today: DayFigures
    state: VersionState
    life: VersionLife

    @property
    def serves(self) -> bool:
        return Route.DEFAULT in self.routes

    @property
    def other_routes(self) -> list[str]:
        return [name for name in self.routes if name != Route.DEFAULT]

    @property
    def provider(self) -> str:
        return PROVIDERS.get(self.version.provider, self.version.provider)

    @property
    def has_price(self) -> bool:
        return bool(self.version.prompt_price or self.version.completion_price)

    @property
    def settings(self) -> list[tuple[str, str]]:
        version = self.version
        named = [
            ("Engine options", version.engine_options),
            ("Request options", version.request_options),
            ("Sampling", version.sampling),
        ]
        return [(label, json.dumps(options)) for label, options in named if options]


@dataclass(frozen=True, slots=True)
class Standing:
    """What changes of a version from one moment to the next."""

    state: VersionState
    life: VersionLife


def version_rows(*, user: User, workers: Sequence[Worker], text: str = "", state: str = "") -> list[VersionRow]:
    today = day_figures_for(user)
    versions = with_places(list_shown_versions_for(user, text=text, state=state))
    states = version_states(versions, workers=workers, problems=list_problems_for(user))
    return [_row(Standing(one, life_of(one.version, user=user)), today) for one in states]


def version_row(standing: Standing, *, user: User) -> VersionRow:
    return _row(standing, day_figures_for(user))


def _row(standing: Standing, today: dict[UUID, DayFigures]) -> VersionRow:
    version = standing.state.version
    return VersionRow(
        version=version,
        routes=sorted(route.name for route in version.routes.all()),
        today=today.get(version.id, DayFigures()),
        state=standing.state,
        life=standing.life,
    )


def current_standings(*, user: User, workers: Sequence[Worker]) -> list[Standing]:
    states = version_states(list_shown_versions_for(user), workers=workers, problems=list_problems_for(user))
    return [Standing(state, life_of(state.version, user=user)) for state in states]


def standing_of(version: ModelVersion, *, user: User, workers: Sequence[Worker]) -> Standing:
    (state,) = version_states([version], workers=workers, problems=list_problems_for(user).filter(version=version))
    return Standing(state, life_of(version, user=user))
