"""What a tired operator has to know first: is it up, how fast is it, how long is the queue."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from django.conf import settings
from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.console.read_models import workers
from chatapp.console.read_models.waiting import Waiting
from chatapp.console.read_models.workers import WorkerRow
from chatapp.console.selectors import Speed, list_workers_with_versions_for, speeds_for
from chatapp.console.templatetags.figures import NOTHING, lasted, seconds, thousands
from chatapp.health import OK, readiness
from chatapp.inference.models import Route
from chatapp.inference.selectors import list_routes_for
from chatapp.selectors import QueueLength, measure_queue

Level = Literal["ok", "warn", "danger", "plain"]

# Of fewer answers a 95th percentile says nothing.
FEW = 20
SLOWER = 2.0
# In seconds: a question that waits longer than this is worth a look; than the second, a failure.
LONG_WAIT, TOO_LONG = 30, 120
_MAX_ROUTES, _SHOWN_ROUTES = 50, 3


@dataclass(frozen=True, slots=True)
class Tile:
    """One question and its answer in a word. `trouble` is what the headline says of it where all is not well."""

    name: str
    question: str
    value: str
    word: str
    level: Level
    url: str = ""
    details: Sequence[str] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Headline:
    level: Level
    text: str


def tiles_for(user: User) -> list[Tile]:
    """At most one for each question; those that the user's rights do not cover are not there."""
    found = list_workers_with_versions_for(user)
    rows = workers.worker_rows(user=user, workers=found, facts=workers.read_conditions(user, found))
    tiles = [_is_it_up(user, rows)]
    speeds = speeds_for(user)
    if speeds is not None:
        tiles.append(_how_fast(*speeds))
    if can(user, "inference.view_worker"):
        tiles.append(_how_long(measure_queue(), workers.overview(rows, waiting=0)))
    return tiles


def headline(tiles: Sequence[Tile], waiting: Sequence[Waiting] = ()) -> Headline:
    """What is wrong, the worst first, in one sentence."""
    wrong = [tile.trouble for tile in tiles if tile.level == "danger"]
    odd = [tile.trouble for tile in tiles if tile.level == "warn"]
    odd += [f"{one.count:,} {one.what} ({one.urgent})" for one in waiting if one.urgent]
    if not (wrong or odd):
        return Headline("ok", "All is well.")
    text = "; ".join([*wrong, *odd])
    return Headline("danger" if wrong else "warn", f"{text[0].upper()}{text[1:]}.")


def _is_it_up(user: User, rows: Sequence[WorkerRow]) -> Tile:
    parts = readiness()
    routes = _routes(user)
    wrong = [state for state in parts.values() if state != OK]
    if not wrong and rows:
        able = {name for row in rows if _answers(row) for name in (*row.loaded, *row.loading, *row.can_answer)}
        wrong = [
            f"no ready worker can answer on {name} with {version}" for name, version in routes if version not in able
        ]
    answering = [f"route {name}: {version}" for name, version in routes[:_SHOWN_ROUTES]]
    if len(routes) > _SHOWN_ROUTES:
        answering.append(f"and {len(routes) - _SHOWN_ROUTES} more")
    url = reverse("console_workers") if can(user, "inference.view_worker") else ""
    details = [*_that_is_up(parts, rows), *answering]
    if not wrong:
        return Tile("up", "Is it up?", "Up", "Everything answers", "ok", url, details)
    return Tile("up", "Is it up?", "Not all of it", "Act now", "danger", url, [*wrong, *details], "; ".join(wrong))


def _answers(row: WorkerRow) -> bool:
    return row.worker.ready and row.condition in {"ready", "partly"}


def _that_is_up(parts: Mapping[str, str], rows: Sequence[WorkerRow]) -> Iterator[str]:
    up = [name for name in ("database", "broker", "embedder") if parts.get(name) == OK]
    yield f"{', '.join(['web', *up])} answer" if up else "web answers"
    if rows:
        figures = workers.overview(rows, waiting=0)
        yield f"{figures.ready} of {figures.alive} inference workers ready"


def _routes(user: User) -> list[tuple[str, str]]:
    """With the version that answers there, the default route first."""
    routes = list_routes_for(user).prefetch_related(None).values_list("name", "version__name")[:_MAX_ROUTES]
    return sorted(routes, key=lambda route: (route[0] != Route.DEFAULT, route[0]))


def _how_fast(lately: Speed, day: Speed) -> Tile:
    question, url = "How fast?", reverse("console_usage")
    usual = f"last 24 h: {seconds(day.first_token_median)}, 95 % within {seconds(day.first_token_p95)}{_pace(day)}"
    if not lately.answers:
        return Tile("speed", question, NOTHING, "Nobody asked in 15 min", "plain", url, [usual])
    details = [f"95 % within {seconds(lately.first_token_p95)}{_pace(lately)}", usual]
    value = f"{seconds(lately.first_token_median)} to the first word"
    if _is_slower(lately, day):
        return Tile(
            "speed", question, value, "Slower than usual", "warn", url, details, "answers begin later than usual"
        )
    return Tile("speed", question, value, "As usual" if lately.answers >= FEW else "Few answers", "ok", url, details)


def _is_slower(lately: Speed, day: Speed) -> bool:
    if lately.answers < FEW or lately.first_token_p95 is None or day.first_token_p95 is None:
        return False
    return lately.first_token_p95 > SLOWER * day.first_token_p95


def _pace(speed: Speed) -> str:
    return "" if speed.tokens_per_second is None else f", {speed.tokens_per_second:,.0f} tokens/s"


def _how_long(queue: QueueLength, figures: workers.Overview) -> Tile:
    details = [f"{figures.busy} of {figures.slots} slots busy"]
    if queue.oldest is not None:
        details.insert(0, f"the oldest for {lasted(queue.oldest)}")
    oldest = queue.oldest or 0
    tile = partial(Tile, "queue", "How long is the queue?", f"{thousands(queue.waiting)} waiting")
    url = reverse("console_workers")
    if oldest > TOO_LONG:
        return tile("Too long", "danger", url, details, f"the oldest question waits for {lasted(oldest)}")
    if oldest > LONG_WAIT or queue.waiting > settings.QUEUE_MAX_GENERATIONS // 2:
        return tile(
            "Long",
            "warn",
            url,
            details,
            f"{thousands(queue.waiting)} {'question waits' if queue.waiting == 1 else 'questions wait'}",
        )
    return tile("Short" if queue.waiting else "Empty", "ok", url, details)
