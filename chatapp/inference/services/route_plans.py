"""What an operator wants a route to be, and the sentences that say why it cannot be so."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from chatapp.errors import ChatappError
from chatapp.inference import routing
from chatapp.inference.models import ModelVersion, Route, RouteRule
from chatapp.inference.models.routes import RULE_TASKS
from chatapp.inference.selectors import is_version_name

Share = tuple[ModelVersion, float]

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
COLLECTION = re.compile(r"[A-Za-z0-9_-]{1,64}")
LANGUAGE = re.compile(r"[a-z]{2}")
CHOICE = re.compile(r"[^\W_][\w .,+-]{0,31}")
CHARACTERS = range(10_000_001)
MAX_ARMS, MAX_RULES, MAX_FALLBACKS = 10, 50, 10


@dataclass(frozen=True, kw_only=True)
class RuleSpec:
    """A rule as an operator writes it; see RouteRule for what each condition means."""

    version: ModelVersion
    task: str = ""
    collection: str = ""
    language: str = ""
    choice: str = ""
    min_characters: int | None = None
    max_characters: int | None = None

    @classmethod
    def of(cls, rule: RouteRule) -> Self:
        return cls(**{field.name: getattr(rule, field.name) for field in fields(cls)})

    @property
    def conditions(self) -> tuple[str | int | None, ...]:
        return tuple(self.columns().values())

    def columns(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "version"}

    def problems(self) -> Iterator[tuple[bool, str]]:
        bounds = (self.min_characters, self.max_characters)
        yield not any(value not in {"", None} for value in self.conditions), "a rule needs at least one condition."
        yield self.task not in {"", *RULE_TASKS}, f"the task of a rule is one of {', '.join(RULE_TASKS)}."
        yield not _is_match(COLLECTION, self.collection), "the collection of a rule is named by its slug."
        yield not _is_match(LANGUAGE, self.language), "the language of a rule is an ISO 639-1 code such as de."
        yield not _is_match(CHOICE, self.choice), "the choice of a rule is a word or two, 32 characters at most."
        yield not all(map(_is_length, bounds)), "the length of a question is a whole number of characters."
        low, high = bounds
        yield low is not None and high is not None and low > high, "min_characters is above max_characters."


@dataclass(frozen=True, kw_only=True)
class RoutePlan:
    name: str
    version: ModelVersion
    arms: Sequence[Share]
    rules: Sequence[RuleSpec]
    fallbacks: Sequence[ModelVersion]
    may_leave_company: bool
    safe_answer: str
    description: str

    def columns(self) -> dict[str, Any]:
        names = ("version", "may_leave_company", "safe_answer", "description")
        return {name: getattr(self, name) for name in names}

    def versions(self) -> list[ModelVersion]:
        arms = [version for version, _ in self.arms]
        return [self.version, *arms, *(rule.version for rule in self.rules), *self.fallbacks]

    def served(self) -> list[ModelVersion]:
        """The versions that get a share of the users: these must have passed a gate."""
        return [self.version, *(version for version, _ in self.arms)]

    def ranges(self) -> Iterator[tuple[ModelVersion, int, int]]:
        """Each arm's part of the draws; an arm that grows keeps those whom it had while it is the first."""
        starts = 0
        for version, share in self.arms:
            ends = starts + _draws(share)
            yield version, starts, ends
            starts = ends

    def describe(self) -> dict[str, object]:
        """For the audit log: names, no ids."""
        return {
            "version": self.version.name,
            "arms": [[version.name, (ends - starts) / 100] for version, starts, ends in self.ranges()],
            "rules": [{**rule.columns(), "version": rule.version.name} for rule in self.rules],
            "fallbacks": [version.name for version in self.fallbacks],
            "may_leave_company": self.may_leave_company,
            "safe_answer": self.safe_answer,
            "description": self.description,
        }

    def describe_change(self, before: Route | None) -> dict[str, object]:
        """What differs from the route as it was, each as it shall be; empty when nothing does."""
        now = self.describe()
        then = plan_of(before).describe() if before else {}
        changed = {key: value for key, value in now.items() if key not in then or then[key] != value}
        return {"route": self.name, **changed} if changed else {}


def plan_of(route: Route) -> RoutePlan:
    """The plan that a route, loaded with all its parts, follows; the arm of a rollout is none of the plan."""
    return RoutePlan(
        name=route.name,
        version=route.version,
        arms=[(arm.version, (arm.ends_at - arm.starts_at) / 100) for arm in route.arms.all() if not arm.rollout_id],
        rules=[RuleSpec.of(rule) for rule in route.rules.all()],
        fallbacks=[fallback.version for fallback in route.fallbacks.all()],
        may_leave_company=route.may_leave_company,
        safe_answer=route.safe_answer,
        description=route.description,
    )


def validate_plan(plan: RoutePlan) -> None:
    """Raises ChatappError("invalid") with the first thing that is wrong."""
    for wrong, sentence in _problems(plan):
        if wrong:
            raise ChatappError("invalid", detail=sentence)


def _problems(plan: RoutePlan) -> Iterator[tuple[bool, str]]:
    yield NAME.fullmatch(plan.name) is None, "name must be 1 to 64 lower-case letters, digits and hyphens."
    yield is_version_name(plan.name), "name is that of a model version; choose another one."
    yield not _is_text(plan.description, 300), "description must be a text of at most 300 characters."
    yield not _is_text(plan.safe_answer, 1000), "safe_answer must be a text of at most 1000 characters."
    yield from _arm_problems(plan)
    yield len(plan.rules) > MAX_RULES, f"a route has at most {MAX_RULES} rules."
    for rule in plan.rules:
        yield from rule.problems()
    yield _has_twice([rule.conditions for rule in plan.rules]), "two rules have the same conditions."
    yield len(plan.fallbacks) > MAX_FALLBACKS, f"a route has at most {MAX_FALLBACKS} fallbacks."
    yield _has_twice([version.id for version in plan.fallbacks]), "a version stands twice among the fallbacks."
    route = Route(name=plan.name, may_leave_company=plan.may_leave_company)
    for version in plan.versions():
        said = f"text sent to {version.name} leaves the company, which this route does not allow."
        yield not routing.allowed(route, version), said
        yield not version.writes, f"{version.name} judges texts and answers no questions."


def _arm_problems(plan: RoutePlan) -> Iterator[tuple[bool, str]]:
    shares = [share for _, share in plan.arms]
    yield len(shares) > MAX_ARMS, f"a route has at most {MAX_ARMS} arms."
    yield not all(0.01 <= share <= 100 for share in shares), "the share of an arm is from 0.01 to 100 percent."
    total = sum(map(_draws, shares))
    yield total > routing.DRAWS, f"the shares of the arms add up to {total / 100:g} percent, which is more than 100."
    yield _has_twice([version.id for version, _ in plan.arms]), "a version stands twice among the arms."


def _draws(share: float) -> int:
    """A percent is a hundred of the ten thousand draws."""
    return round(share * 100)


def _has_twice(values: Sequence[object]) -> bool:
    return len(set(values)) < len(values)


def _is_match(pattern: re.Pattern[str], value: str) -> bool:
    return value == "" or pattern.fullmatch(value) is not None


def _is_length(value: int | None) -> bool:
    return value is None or (type(value) is int and value in CHARACTERS)


def _is_text(value: str, limit: int) -> bool:
    return len(value) <= limit and "\0" not in value
