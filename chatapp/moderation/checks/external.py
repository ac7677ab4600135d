"""A moderation service outside: OpenAI's endpoint or Azure AI Content Safety, as an operator has registered it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion
from chatapp.inference.providers.harm import HARM_SERVICES, HarmService
from chatapp.inference.selectors import get_moderation_version
from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.examiner import ExaminerError, Hit
from chatapp.moderation.checks.fields import FieldError, budget_of, number_in, text_of
from chatapp.moderation.checks.remote import RemoteExaminer

if TYPE_CHECKING:
    from chatapp.inference.providers.moderation import ModerationClient

FIELDS = frozenset({"service", "version", "categories"})
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalExaminer(RemoteExaminer):
    """A hit covers a whole text and is labelled with the category that is furthest beyond its own limit."""

    service: str
    version: str
    limits: tuple[tuple[str, float], ...]

    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        try:
            version, client = _client(self.version)
            self._refuse_other(version)
            self.refuse_to_leak(version)
            found = client.score(texts, seconds=self.seconds)
        except ChatappError as error:
            raise ExaminerError(str(error)) from None
        return [[self._hit(text, scores)] for text, scores in zip(texts, found, strict=True)]

    def find_fault(self) -> str:
        try:
            self._refuse_other(get_moderation_version(self.version))
        except (ChatappError, ExaminerError) as error:
            return f"version must name a moderation service. {error}"
        return ""

    def _refuse_other(self, version: ModelVersion) -> None:
        if version.preset != self.service:
            raise ExaminerError(f"{version.name} is a service of {version.preset}, not of {self.service}.")

    def _hit(self, text: str, scores: Mapping[str, float]) -> Hit:
        top = HARM_SERVICES[self.service].top
        beyond = {name: _relative(scores.get(name, 0.0), limit, top) for name, limit in self.limits}
        worst = max(beyond, key=lambda name: beyond[name])
        return Hit(0, len(text), beyond[worst], label=worst)


def build(spec: Mapping[str, Any]) -> Parts:
    service = HARM_SERVICES.get(str(spec.get("service")))
    if service is None:
        raise FieldError("service", f"must be one of {', '.join(HARM_SERVICES)}.")
    examiner = ExternalExaminer(
        service=service.name,
        version=text_of(spec, "version", longest=100),
        limits=tuple(_limits(spec.get("categories"), service).items()),
        longest=service.longest,
        seconds=budget_of(spec),
    )
    return Parts(examiner=examiner, threshold=THRESHOLD)


def _limits(categories: object, service: HarmService) -> Mapping[str, float]:
    """By category, from which value on it counts."""
    if categories is None:
        return service.categories
    if not isinstance(categories, Mapping) or not categories:
        raise FieldError("categories", "must be an object of categories, each with the value from which it counts.")
    unknown = next((name for name in categories if name not in service.categories), None)
    if unknown is not None:
        raise FieldError(f"categories.{str(unknown)[:40]}", f"is none of {', '.join(service.categories)}.")
    least = service.top / 100
    return {name: number_in(categories, name, least=least, most=service.top, default=least) for name in categories}


def _relative(score: float, limit: float, top: float) -> float:
    """0.5 at the category's own limit, 1 at the top of the scale: so all categories have one threshold."""
    if score < limit:
        return 0.5 * score / limit
    return 0.5 + 0.5 * (score - limit) / (top - limit) if top > limit else 1.0


@lru_cache(maxsize=32)
def _client(name: str) -> "tuple[ModelVersion, ModerationClient]":
    """A version never changes, so one client does for as long as the worker lives. Raises ChatappError."""
    from chatapp.inference.providers.moderation import ModerationClient

    version = get_moderation_version(name)
    return version, ModerationClient(version, list(version.endpoints.all()))
