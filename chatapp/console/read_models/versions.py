"""A version as an operator compares it with others: what it is, where text goes, how it does today."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.accounts.models import User
from chatapp.console.read_models.states import VersionState, version_states
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


def version_rows(*, user: User, workers: Sequence[Worker]) -> list[VersionRow]:
    today = day_figures_for(user)
    versions = with_places(list_shown_versions_for(user))
    return [
        VersionRow(
            version=state.version,
            routes=sorted(route.name for route in state.version.routes.all()),
            today=today.get(state.version.id, DayFigures()),
            state=state,
        )
        for state in version_states(versions, workers=workers, problems=list_problems_for(user))
    ]


def current_states(*, user: User, workers: Sequence[Worker]) -> list[VersionState]:
    """Only what changes from one moment to the next."""
    versions = [version for version in list_shown_versions_for(user) if version.writes]
    return version_states(versions, workers=workers, problems=list_problems_for(user))
