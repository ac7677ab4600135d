"""Facts about one answer, in sentences and short tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chatapp.conversations.explaining.selectors import Why
from chatapp.conversations.models import Generation
from chatapp.conversations.services.outcomes import arm_of
from chatapp.inference.models import Arm, RouteRule
from chatapp.inference.routing import FIRST_DRAW
from chatapp.moderation.models import Action, Verdict
from chatapp.retrieval.search.trace import Fate

LEAST_SHOWN = 1.0  # Milliseconds.
_STAGES = {
    "question": "Checks of the question",
    "search": "Search",
    "model": "Loading the model",
    "prompt": "Prompt",
    "first_token": "First words",
    "writing": "Writing",
    "checks": "Last checks of the answer",
    "citations": "Checks of citations",
}
_PARTS = {
    "system": "Instructions",
    "documents": "Documents",
    "history": "Earlier messages and frame",
    "question": "Question",
}
_FATES = {
    Fate.GIVEN: "Given to the model",
    Fate.SURPLUS: "Relevant, but others were more so",
    Fate.BELOW_FLOOR: "Not close enough to the question",
    Fate.DUPLICATE: "Says the same as a better one",
}


@dataclass(frozen=True, slots=True)
class PassageRow:
    """`name` is empty where the reader may not read the document."""

    name: str
    page: int | None
    fate: str
    is_given: bool
    percent: int
    figures: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    label: str
    value: str


def choice(why: Why) -> list[str]:
    """Which model answered, and why that one."""
    generation = why.generation
    if generation.version is None:
        return ["No model was asked."]
    return [*_chosen(generation, why), *_replaced(generation), *_cached(generation)]


def searching(why: Why) -> list[str]:
    return list(_searching(why))


def passages(why: Why) -> list[PassageRow]:
    return [_passage(row, why) for row in why.search.get("passages", ())]


def prompt(why: Why) -> list[Part]:
    counted = why.facts.get("prompt", {})
    return [Part(label, f"{counted[key]:,} tokens") for key, label in _PARTS.items() if counted.get(key)]


def times(why: Why) -> list[Part]:
    """In the order in which things happen."""
    generation, spent = why.generation, why.facts.get("milliseconds", {})
    parts = [Part(label, _time(spent[key])) for key, label in _STAGES.items() if spent.get(key, 0) >= LEAST_SHOWN]
    if generation.claimed_at is None:
        return parts
    waited = 1_000 * (generation.claimed_at - generation.created_at).total_seconds()
    return [Part("Waiting in the queue", _time(max(waited, 0.0))), *parts]


def checks(why: Why) -> list[str]:
    """In the words of who asked: what was done, not which check did it."""
    done = [one for one in why.verdicts if one.action in {Action.MASK, Action.BLOCK} and not one.is_shadow]
    return sorted({_done(verdict) for verdict in done if not verdict.failure})


def _chosen(generation: Generation, why: Why) -> Iterator[str]:
    began = generation.fallback_from or generation.version
    route = generation.route_id
    if generation.is_pinned:
        yield f"{began} was asked for by name."
    elif generation.rule is not None:
        yield f"A rule of the route {route} sends such questions to {began}: {_conditions(generation.rule)}."
    else:
        yield _by_arm(generation, why) or f"{began} answers on the route {route}."


def _by_arm(generation: Generation, why: Why) -> str:
    rollout, arm = generation.rollout, arm_of(generation)
    if rollout is None or not arm or not rollout.stages:
        return ""
    stage = why.facts.get("stage", 0)
    share = f"{float(rollout.stages[min(stage, len(rollout.stages) - 1)]['share']):g} %"
    name = rollout.candidate.name
    if arm == Arm.BASELINE:
        return f"{name} was tried with {share} of the people, and this answer is by the model that the others have."
    if generation.draw == FIRST_DRAW:
        return f"{name} is new here. Those who try new models first have it before all others."
    return f"{name} was tried with {share} of the people, drawn by chance, and this answer is one of it."


def _replaced(generation: Generation) -> Iterator[str]:
    if generation.fallback_from is not None:
        yield f"{generation.fallback_from} could not answer, so {generation.version} did."


def _cached(generation: Generation) -> Iterator[str]:
    if generation.is_cached:
        yield "It was kept from before: the same question, with the same documents and the same model."


def _conditions(rule: RouteRule) -> str:
    named = {"choice": rule.choice, "task": rule.task, "collection": rule.collection, "language": rule.language}
    said = [f"{name} {value}" for name, value in named.items() if value]
    said += [f"at least {rule.min_characters} characters"] if rule.min_characters is not None else []
    said += [f"at most {rule.max_characters} characters"] if rule.max_characters is not None else []
    return ", ".join(said)


def _searching(why: Why) -> Iterator[str]:
    if why.facts.get("is_search_down"):
        yield "Search was not available, so the answer rests on no document."
        return
    if not why.search:
        yield "No documents were searched."
        return
    if why.query:
        yield f"Searched for: “{why.query}”"
    if why.facts["queries"] > 1:
        yield "The first way to ask found nothing, so the question was asked in another way."
    readable, fates = why.search["readable"], why.search["fates"]
    who = "you" if why.is_own else "the employee"
    yield f"{readable:,} passages were searched: those that {who} may read. All others are never looked at."
    yield f"{fates[Fate.GIVEN]} of the best were given to the model."
    yield from (
        f"{fates[fate]} left out: {words[0].lower()}{words[1:]}."
        for fate, words in _FATES.items()
        if fate != Fate.GIVEN and fates.get(fate)
    )
    if why.facts.get("blocked"):
        yield f"{why.facts['blocked']} kept from the model by a policy."


def _passage(row: dict[str, Any], why: Why) -> PassageRow:
    return PassageRow(
        name=why.names.get(row["document"], ""),
        page=row["page"],
        fate=_FATES[Fate(row["fate"])],
        is_given=row["fate"] == Fate.GIVEN,
        percent=round(100 * max(min(row["similarity"], 1.0), 0.0)),
        figures=row,
    )


def _time(milliseconds: float) -> str:
    return f"{milliseconds / 1_000:.1f} s" if milliseconds >= 1_000 else f"{milliseconds:.0f} ms"


def _done(verdict: Verdict) -> str:
    what = {"input": "your question", "context": "a document", "output": "the answer"}[verdict.stage]
    return f"A company policy {'hid' if verdict.action == Action.MASK else 'held back'} something in {what}."
