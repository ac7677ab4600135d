"""The policies in force, compiled; light enough for the web process."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

import structlog

from chatapp.accounts.models import User
from chatapp.inference.selectors import may_leave_company
from chatapp.moderation import selectors
from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.classifier import give_way
from chatapp.moderation.checks.findings import Decision, strictest
from chatapp.moderation.checks.remote import is_remote, let_out
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.guard import OutputGuard
from chatapp.moderation.models import Action, Stage
from chatapp.moderation.texts import SAFE_TEXT

__all__ = ["SAFE_TEXT", "Decision", "OutputGuard", "PolicySet", "active_policies", "decide", "warm_examiners"]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All active policies at once; the strictest action wins. `version` names each ("company@1, legal@4")."""

    version: str
    checks: tuple[Check, ...]

    def check_input(self, text: str) -> Decision:
        """What the web process can say of a question at once; the worker's `examine_input` says the rest."""
        checks = [
            only_matchers(check) for check in self._of_stage(Stage.INPUT, external=False) if not check.placeholder
        ]
        return decide(checks, text)

    def examine_input(self, text: str, *, external: bool) -> Decision:
        """What `check_input` left to the worker and the answer must wait for; `watch_input` sees to the rest."""
        return decide([check for check in self._for_worker(external=external) if _must_wait(check)], text)

    def watch_input(self, text: str, *, external: bool) -> OutputGuard:
        """Looks, beside the answer, for what only flags or takes an answer back; to be settled when it ends.

        Checks that make placeholders only note what they found.
        """
        guard = OutputGuard([check for check in self._for_worker(external=external) if not _must_wait(check)])
        guard.feed(text)
        guard.finish()
        return guard

    @property
    def has_leaving_checks(self) -> bool:
        return bool(self._leaving())

    def check_leaving(self, text: str) -> Decision:
        """Of the question: only what holds where a model outside the company answers."""
        return decide([_for_worker(check) for check in self._leaving()], text)

    def check_earlier(self, text: str) -> Decision:
        """The same of a question that was answered before: only what may keep it back, or a part of it."""
        return decide([check for check in self._leaving() if check.holds and not check.placeholder], text)

    def check_passage(self, text: str, *, external: bool) -> Decision:
        """Of what a search found. Checks that make placeholders only note what they found."""
        return decide([_noted(check) for check in self._of_stage(Stage.CONTEXT, external=external)], text)

    def check_output(self, text: str, *, external: bool = True) -> Decision:
        """Of a text that is whole already; what is streamed goes through `output_guard`."""
        return decide(self._of_stage(Stage.OUTPUT, external=external), text)

    def check_late(self, text: str) -> Decision:
        """Only by what delays nothing: for an answer whose worker died before the end."""
        late = [c for c in self._of_stage(Stage.OUTPUT, external=True) if not c.holds or (c.examiner and not c.hold)]
        return decide(late, text)

    def placeholder_checks(self, stage: Stage, *, external: bool) -> list[Check]:
        return [
            check for check in self._of_stage(stage, external=external) if check.placeholder and not check.is_shadow
        ]

    def output_guard(self, *, external: bool = True) -> OutputGuard:
        return OutputGuard(self._of_stage(Stage.OUTPUT, external=external))

    def _for_worker(self, *, external: bool) -> list[Check]:
        checks = (_for_worker(check) for check in self._of_stage(Stage.INPUT, external=external))
        return [check for check in checks if check.matchers or check.examiner]

    def _leaving(self) -> list[Check]:
        return [check for check in self._of_stage(Stage.INPUT, external=True) if check.scope.external_only]

    def _of_stage(self, stage: Stage, *, external: bool) -> list[Check]:
        """`external`: a model outside the company answers, so checks for that alone count too."""
        return [c for c in self.checks if c.stage == stage and (external or not c.scope.external_only)]


def active_policies(*, user: User | None = None, route: str = "") -> PolicySet:
    """What applies to an exchange of that user on that route, and the shadow versions beside it.

    Asked anew for every message and answer, so that a change holds at once; versions are compiled once.
    """
    versions = selectors.list_versions_in_force()
    compiled = [c for version in versions for c in _compiled(version.id, is_shadow=not version.active)]
    groups: frozenset[str] = frozenset()
    if user is not None and any(check.scope.groups for check in compiled):
        groups = selectors.list_group_names(user)
    checks = tuple(check for check in compiled if check.scope.covers(groups=groups, route=route))
    if any(is_remote(check) for check in checks) and may_leave_company(route):
        checks = tuple(map(let_out, checks))
    return PolicySet(version=", ".join(str(version) for version in versions if version.active), checks=checks)


def warm_examiners() -> None:
    """Loads what the checks in force need here, once a process: a cold look would be over its budget."""
    for version in selectors.list_versions_in_force():
        _warm(version.id, is_shadow=not version.active)


def decide(checks: Sequence[Check], text: str) -> Decision:
    guard = OutputGuard(checks)
    guard.feed(text)
    guard.finish()
    guard.settle()
    findings = guard.findings
    action = strictest([finding.action for finding in findings if not finding.is_shadow])
    return Decision(action=action, text="" if action == Action.BLOCK else guard.text, findings=findings)


@lru_cache(maxsize=256)
def only_matchers(check: Check) -> Check:
    return replace(check, examiner=None) if check.examiner else check


def _must_wait(check: Check) -> bool:
    """A question can be masked only before it goes to a model."""
    return check.holds and (check.hold or check.action == Action.MASK)


@lru_cache(maxsize=256)
def _noted(check: Check) -> Check:
    return replace(check, action=Action.ALLOW) if check.placeholder else check


@lru_cache(maxsize=256)
def _for_worker(check: Check) -> Check:
    if check.placeholder:
        return _noted(check)
    return check if check.scope.external_only else replace(check, matchers=())


@lru_cache(maxsize=64)
def _compiled(version_id: UUID, *, is_shadow: bool) -> tuple[Check, ...]:
    checks = build_checks(selectors.get_checks(version_id), policy_id=str(version_id), is_shadow=is_shadow)
    return tuple(map(_in_turn, checks))


def _in_turn(check: Check) -> Check:
    """No text waits for what only flags: searches and checks that hold text back go first."""
    if check.examiner is None or check.holds_windows:
        return check
    return replace(check, examiner=give_way(check.examiner))


@lru_cache(maxsize=64)
def _warm(version_id: UUID, *, is_shadow: bool) -> None:
    for check in _compiled(version_id, is_shadow=is_shadow):
        if check.examiner is None or check.examiner.is_remote:
            continue
        try:
            check.examiner.examine(["Good morning."])
        except Exception as error:  # noqa: BLE001 - it may be a bug of one check; the others are loaded all the same
            log.warning("check_not_warm", check=check.name, reason=type(error).__name__)
