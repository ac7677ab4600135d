"""Moves an answer through the output policy to the page, and lets it end as the policy says."""

from collections.abc import Iterator
from dataclasses import replace

from chatapp.conversations.models import Status
from chatapp.conversations.offsets import carry_findings
from chatapp.conversations.pipeline.reply import Reply
from chatapp.conversations.services import FinishedAnswer
from chatapp.inference.engine import Stream
from chatapp.moderation.policy import SAFE_TEXT, OutputGuard
from chatapp.retrieval.citations import CitationStream


def relay(
    reply: Reply, stream: Stream, pieces: Iterator[str], guard: OutputGuard, citer: CitationStream | None
) -> CitationStream | None:
    """Shows what is cleared until the engine, the reader or the policy has had enough.

    Sentences get their citations on the way. Returns the `citer` of the text that stays: another one where a check
    masked something that had been shown.
    """
    reply.guard = guard
    for piece in pieces:
        cleared = guard.feed(piece)
        if _is_over(guard):
            stream.cancel()
            break
        _show(reply, citer, cleared)
    if not reply.stopped and not _is_over(guard):
        with reply.working():
            rest = guard.finish()
        _show(reply, citer, rest)
        if citer and not guard.blocked:
            with reply.working():
                reply.show(citer.finish())
    return settle(reply, citer)


def settle(reply: Reply, citer: CitationStream | None = None) -> CitationStream | None:
    """Waits for the checks that delay nothing, and masks in the text that stays what they found to be masked."""
    guard = reply.guard
    with reply.working(), reply.tracer.timed("checks"):
        if reply.watched is not None:
            reply.watched.settle()
        if guard is not None:
            guard.settle()
            if guard.masked_late and not _is_over(guard):
                citer = citer.anew() if citer else None
                reply.rewrite(citer.feed(guard.text) + citer.finish() if citer else guard.text)
    return citer


def judged(reply: Reply, so_far: FinishedAnswer) -> FinishedAnswer:
    """The ending with what the policies found: without the text, where they take it away. After `settle`."""
    asked, guard = reply.watched, reply.guard
    is_over = any(_is_over(one) for one in (asked, guard) if one is not None)
    found = [*reply.findings]
    if asked is not None:
        question = reply.generation.message.parent  # It may have been masked meanwhile.
        found += carry_findings(asked.findings, before=asked.raw, after=question.text if question else asked.raw)
    if guard is not None:
        found += carry_findings(guard.findings, before=guard.raw, after=guard.raw if is_over else so_far.text)
    so_far = replace(so_far, findings=tuple(found))
    if not is_over:
        return so_far
    is_shown = bool(reply.text) and not (guard is not None and guard.blocked)
    return replace(
        so_far,
        status=Status.RETRACTED if is_shown else Status.BLOCKED,
        text=SAFE_TEXT,
        original=guard.raw if guard else reply.text,
        finish_reason="content_filter",
        error_code="",
    )


def _is_over(guard: OutputGuard) -> bool:
    return guard.blocked or guard.retracted


def _show(reply: Reply, citer: CitationStream | None, cleared: str) -> None:
    if citer is None or not cleared:
        reply.show(cleared)
        return
    with reply.working():
        reply.show(citer.feed(cleared))
