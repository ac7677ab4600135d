"""What a rollout can be made of, and what it will do, in sentences that are read before it begins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chatapp.accounts.models import User
from chatapp.console.rollout_drafts import RolloutDraft
from chatapp.console.selectors import list_shown_versions_for
from chatapp.inference.models import PAST_GATE, WITHDRAWN, ModelVersion, RolloutKind, Route
from chatapp.inference.selectors import list_routes_for

MAX_ROUTES = 200


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """`rollout` is the candidate of the one that runs there: until it is over no other begins."""

    name: str
    version: str
    rollout: str

    @property
    def is_free(self) -> bool:
        return not self.rollout


def routes_for(user: User) -> list[RouteChoice]:
    names = ("name", "version__name", "rollout__candidate__name")
    rows = list_routes_for(user).prefetch_related(None).order_by("name").values_list(*names)[:MAX_ROUTES]
    return [RouteChoice(name, version, candidate or "") for name, version, candidate in rows]


def first_free(routes: Sequence[RouteChoice]) -> str:
    """The default route unless a rollout runs there, else the first without one; empty when there is none."""
    free = sorted((route.name for route in routes if route.is_free), key=lambda name: (name != Route.DEFAULT, name))
    return free[0] if free else ""


def candidates_for(user: User) -> list[ModelVersion]:
    return [version for version in list_shown_versions_for(user) if version.writes and version.state not in WITHDRAWN]


def lacks_gate(draft: RolloutDraft, candidates: Sequence[ModelVersion]) -> bool:
    """Whether it needs a reason to begin: the chosen version passed no release gate. A shadow answers nobody."""
    chosen = next((version for version in candidates if version.name == draft.candidate), None)
    return chosen is not None and chosen.state not in PAST_GATE and draft.kind != RolloutKind.SHADOW


def describe(draft: RolloutDraft) -> list[str]:
    candidate = draft.candidate or "(no version chosen)"
    return [*_begin(draft, candidate), *_go_on(draft, candidate), *_go_back(draft, candidate)]


def _begin(draft: RolloutDraft, candidate: str) -> Iterator[str]:
    if draft.kind == RolloutKind.SHADOW:
        yield f"{candidate} answers questions on {draft.route} once more when a worker has time. Nobody sees that."
        return
    stages = [row for row in draft.stages if not row.is_blank]
    share = stages[0].share if stages else "?"
    yield f"{share or '?'} % of the people on {draft.route} get {candidate}, always the same ones."
    if draft.is_canary and (draft.has_pilot or draft.pilot_group):
        who = [f"the group {draft.pilot_group}"] if draft.pilot_group else []
        who += ["those who asked to try new models"] if draft.has_pilot else []
        yield f"{' and '.join(who)} come first.".capitalize()


def _go_on(draft: RolloutDraft, candidate: str) -> Iterator[str]:
    shares = [f"{row.share or '?'} %" for row in draft.stages if not row.is_blank]
    if draft.kind == RolloutKind.SHADOW:
        yield "A person ends it; its page compares both."
    elif draft.kind == RolloutKind.AB:
        yield "It keeps that share until a person ends or completes it."
    elif len(shares) > 1:
        yield f"Once a stage has its answers and its time and no guard is worse, it goes on: {', '.join(shares[1:])}."
    if draft.kind in {RolloutKind.CANARY, RolloutKind.BLUE_GREEN}:
        yield f"After the last stage {candidate} is the version of {draft.route}."


def _go_back(draft: RolloutDraft, candidate: str) -> Iterator[str]:
    watched = [row.guard.label.lower() for row in draft.guards if row.is_on]
    if draft.kind == RolloutKind.SHADOW or not watched:
        return
    yield f"It goes back by itself when {candidate} is surely worse at one of: {', '.join(watched)}."
    yield f"One that is no worse goes back by mistake in at most {draft.alpha or '?'} of 100 rollouts."
