from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.moderation.checks.findings import Finding, excerpt_of
from chatapp.moderation.metrics import MODERATION_VERDICTS
from chatapp.moderation.models import Action, Exchange, FlagSource, PolicyVersion, Stage, Verdict
from chatapp.moderation.services.raising import raise_flag

FOR_REVIEW = (Action.FLAG, Action.BLOCK)


@transaction.atomic(savepoint=False)
def record_exchange(
    *,
    generation_id: UUID,
    user: User | None,
    question: str,
    answer: str,
    original: str = "",
    sources: list[dict[str, Any]],
    route: str = "",
    model_version: str,
    policy_version: str,
    findings: Sequence[Finding],
    is_trial: bool = False,
) -> Exchange:
    """Keeps what review works on: a verdict for each finding, a flag for each that asks for a person.

    A trial raises no flags: nobody wrote it, and a safety set would fill the queue of reviewers.
    `original` is the text that a policy took away. Idempotent: the first record of a generation stands. The caller
    has locked the generation, so no two come at once.
    """
    known = Exchange.objects.filter(generation_id=generation_id).first()
    if known is not None:
        return known
    exchange = Exchange.objects.create(
        generation_id=generation_id,
        user=user,
        question=question,
        answer=answer,
        original=original,
        sources=sources,
        route=route,
        model_version=model_version,
        policy_version=policy_version,
    )
    _record_findings(exchange, findings, raises_flags=not is_trial)
    return exchange


def replace_answer(*, generation_id: UUID, answer: str, original: str) -> None:
    """What is shown of the answer now, and what was taken away. Personal data in them has to be looked for anew."""
    exchange = Exchange.objects.filter(generation_id=generation_id)
    exchange.update(answer=answer, original=original, personal=None)


def forget_exchanges(*, generation_ids: Sequence[UUID]) -> int:
    """Those without a flag; what was flagged stays for reviewers. Returns how many."""
    unflagged = Exchange.objects.filter(pk__in=generation_ids, flags__isnull=True)
    return unflagged.delete()[1].get(Exchange._meta.label, 0)  # noqa: SLF001 (Django's public name for it)


def _record_findings(exchange: Exchange, findings: Sequence[Finding], *, raises_flags: bool) -> None:
    policies = PolicyVersion.objects.in_bulk([finding.policy_id for finding in findings if finding.policy_id])
    for finding in findings:
        verdict = Verdict.objects.create(
            exchange=exchange,
            policy=next((policy for key, policy in policies.items() if str(key) == finding.policy_id), None),
            check_name=finding.check,
            stage=finding.stage,
            action=finding.action,
            kind=finding.kind,
            severity=finding.severity,
            score=finding.score,
            spans=[list(span) for span in finding.spans],
            failure=finding.failure,
            is_shadow=finding.is_shadow,
        )
        MODERATION_VERDICTS.labels(stage=finding.stage, action=finding.action, check=finding.check).inc()
        if raises_flags and finding.action in FOR_REVIEW and not finding.is_shadow:
            excerpt = finding.excerpt or excerpt_of(_checked_text(exchange, finding.stage), finding.spans)
            raise_flag(
                exchange=exchange,
                source=FlagSource.CHECK,
                severity=finding.severity,
                verdict=verdict,
                excerpt=excerpt,
            )


def _checked_text(exchange: Exchange, stage: str) -> str:
    """The text that spans of that stage count in; empty for passages, which are many."""
    if stage == Stage.INPUT:
        return exchange.question
    return (exchange.original or exchange.answer) if stage == Stage.OUTPUT else ""
