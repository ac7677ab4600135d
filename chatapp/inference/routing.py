"""Which version answers: the rules, the draw and the fallbacks of a route, and the data policy above them all.

A route is given loaded with all its parts (selectors.load_route).
"""

from collections.abc import Collection
from hashlib import sha256
from uuid import UUID

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.inference.defaults import SAFE_ANSWER
from chatapp.inference.language import detect_language
from chatapp.inference.models import ModelVersion, Route, RouteRule, Task
from chatapp.inference.selectors import is_in_pilot, load_route

DRAWS = 10_000
FIRST_DRAW = 0


def allowed(route: Route, version: ModelVersion) -> bool:
    """Text that came by a route whose data stays in the company never goes to a version to which text leaves."""
    return route.may_leave_company or not version.may_leave_company


def draw_of(user_id: UUID, salt: str) -> int:
    """0 to 9,999, always the same for a user and a salt: who has met an arm stays in it."""
    digest = sha256(f"{salt}:{user_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % DRAWS


def draw_on(route: Route, user: User) -> int:
    """By the rollout that runs on the route, so that it is not always the same users who meet a candidate first.

    Its pilot comes before all others, as long as the rollout lasts.
    """
    rollout = route.rollout
    if rollout is None:
        return draw_of(user.id, route.name)
    return FIRST_DRAW if is_in_pilot(rollout, user) else draw_of(user.id, str(rollout.id))


def choose_rule(route: Route, *, task: Task, text: str, collections: Collection[str], choice: str) -> RouteRule | None:
    """The first rule that names an allowed version and whose conditions are all met.

    `collections` are those that the question is asked of by name; `choice` is what the user chose.
    """
    facts = _Facts(text=text, collections=collections, choice=choice, task=task)
    rules = (rule for rule in route.rules.all() if allowed(route, rule.version))
    return next((rule for rule in rules if facts.meet(rule)), None)


def next_fallback(
    route: Route, *, tried: Collection[UUID], started_from: ModelVersion, baseline: ModelVersion | None = None
) -> ModelVersion | None:
    """The first version of the chain that was not tried. An answer that began inside the company stays inside.

    `baseline` is that of the rollout whose candidate could not answer: it comes first, unless the chain names it.
    """
    may_leave = route.may_leave_company and started_from.may_leave_company
    chain = [fallback.version for fallback in route.fallbacks.all()]
    if baseline is not None and baseline not in chain:
        chain = [baseline, *chain]
    return next((v for v in chain if v.id not in tried and (may_leave or not v.may_leave_company)), None)


def tried_before(route: Route, *, started_from: ModelVersion, version: ModelVersion) -> set[UUID]:
    """What an answer that has come from `started_from` to `version` has behind it, these two among it."""
    chain = [fallback.version_id for fallback in route.fallbacks.all()]
    passed = chain[: chain.index(version.id)] if version != started_from and version.id in chain else []
    return {started_from.id, version.id, *passed}


def version_for_task(task: Task) -> ModelVersion | None:
    """What does side work such as titles: what a rule of the default route names for it, else what answers there.

    None when there is no route yet, or when text would leave the company that the default route keeps in.
    """
    try:
        route = load_route(Route.DEFAULT)
    except ChatappError:
        return None
    named = next((rule.version for rule in route.rules.all() if rule.task == task), route.version)
    return next((version for version in (named, route.version) if allowed(route, version)), None)


def safe_answer(route: Route) -> str:
    return route.safe_answer or SAFE_ANSWER


class _Facts:
    """What is known of a question; its language is found out only when a rule asks for it."""

    def __init__(self, *, task: Task, text: str, collections: Collection[str], choice: str) -> None:
        self.task = task
        self.text = text
        self.collections = collections
        self.choice = choice
        self._language: str | None = None

    @property
    def language(self) -> str:
        if self._language is None:
            self._language = detect_language(self.text)
        return self._language

    def meet(self, rule: RouteRule) -> bool:
        return (
            rule.task in {"", self.task}
            and rule.choice in {"", self.choice}
            and (not rule.collection or rule.collection in self.collections)
            and (rule.min_characters is None or len(self.text) >= rule.min_characters)
            and (rule.max_characters is None or len(self.text) <= rule.max_characters)
            and (not rule.language or rule.language == self.language)
        )
