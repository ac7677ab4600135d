"""What a route does, in sentences that an operator can check before it is saved."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from chatapp.console.route_drafts import RouteDraft, RuleRow
from chatapp.inference.models import Route, Task
from chatapp.inference.services.route_plans import plan_of

_TASKS = {
    Task.CHAT.value: "Questions",
    Task.TITLE.value: "Titles",
    Task.SUMMARY.value: "Summaries",
    Task.JUDGE.value: "Judgements",
}


@dataclass(frozen=True, slots=True)
class RouteRow:
    route: Route
    sentences: list[str]


def route_row(route: Route) -> RouteRow:
    leaving = {version.name for version in plan_of(route).versions() if version.may_leave_company}
    return RouteRow(route, describe(RouteDraft.of(route), leaving=leaving))


def describe(draft: RouteDraft, *, leaving: Collection[str]) -> list[str]:
    """`leaving` are the names of versions to which text leaves the company."""
    return [*_rules(draft), _shares(draft), _ending(draft), *_policy(draft, leaving)]


def _rules(draft: RouteDraft) -> Iterator[str]:
    for row in draft.rules:
        if not row.is_blank:
            yield f"{_what(row)} {_verb(row)} to {_name(row.version)}."


def _what(row: RuleRow) -> str:
    words = [_TASKS.get(row.task, "Everything")]
    if row.min_characters and row.max_characters:
        words.append(f"of {row.min_characters} to {row.max_characters} characters")
    elif row.min_characters or row.max_characters:
        least = "at least" if row.min_characters else "at most"
        words.append(f"of {least} {row.min_characters or row.max_characters} characters")
    if row.language:
        words.append(f"in the language {row.language}")
    if row.collection:
        words.append(f"asked of the collection {row.collection}")
    if row.choice:
        words.append(f"with the choice {row.choice}")
    return " ".join(words)


def _verb(row: RuleRow) -> str:
    return "go" if row.task in _TASKS else "goes"


def _shares(draft: RouteDraft) -> str:
    shares = [f"{row.share or '?'} % of users get {_name(row.version)}" for row in draft.arms if not row.is_blank]
    rest = "everybody else gets" if shares or any(not row.is_blank for row in draft.rules) else "everybody gets"
    sentence = f"{rest} {_name(draft.version)}."
    return f"{', '.join(shares)}; {sentence}" if shares else sentence[0].upper() + sentence[1:]


def _ending(draft: RouteDraft) -> str:
    chain = [_name(row.version) for row in draft.fallbacks if not row.is_blank]
    safe = f"the user reads “{draft.safe_answer}”" if draft.safe_answer else "the user reads the standard safe answer."
    if not chain:
        return f"If the version cannot answer, {safe}"
    return f"If the version cannot answer, then {', then '.join(chain)}; if all fail, {safe}"


def _policy(draft: RouteDraft, leaving: Collection[str]) -> Iterator[str]:
    used = sorted(draft.version_names() & set(leaving))
    if not draft.may_leave_company:
        yield "Text stays inside the company."
        if used:
            yield f"This cannot be saved: text sent to {', '.join(used)} leaves the company."
        return
    yield f"Text leaves the company when {' or '.join(used)} answers." if used else "No text leaves the company yet."
    skipped = [row.version for row in draft.fallbacks if row.version in leaving]
    if skipped and draft.version not in leaving:
        yield f"An answer that began inside the company never goes on to {' or '.join(skipped)}."


def _name(version: str) -> str:
    return version or "(no version chosen)"
