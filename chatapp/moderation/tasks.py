"""Celery's side: load by id, call one function. Heavy packages load in the functions that are called."""

from functools import partial
from typing import Any
from uuid import UUID

from celery import Task

from chatapp.accounts.permissions import can
from chatapp.celery import app
from chatapp.moderation import services
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.models import Replay
from chatapp.moderation.replay.looking import needs_models
from chatapp.moderation.trying import try_checks
from chatapp.retrieval.low_priority import run_aside
from chatapp.retrieval.selectors import get_reader
from chatapp.retrieval.tasks import LOOKUP_SECONDS


@app.task(expires=3600)
def replay(replay_id: str) -> None:
    """One slice; the next message is the next slice, so that other work comes between."""
    if run_aside(partial(services.continue_replay, replay_id=UUID(replay_id))):
        replay.delay(replay_id)


@app.task(expires=3600)
def replay_with_models(replay_id: str) -> None:
    """The same where models are: for versions with a judge."""
    if services.continue_replay(replay_id=UUID(replay_id)):
        replay_with_models.delay(replay_id)


@app.task(expires=20)
def sweep_replays() -> None:
    for waiting in services.sweep_replays():
        task_for(waiting).apply_async((str(waiting.pk),), expires=15)


@app.task(expires=10)
def look_for_personal_data() -> None:
    """One slice, like `replay`."""
    if run_aside(services.look_for_personal_data):
        look_for_personal_data.delay()


@app.task(expires=LOOKUP_SECONDS, ignore_result=False)
def try_policy(user_id: str, checks: list[dict[str, Any]], text: str, with_remote: bool) -> list[dict[str, Any]] | None:  # noqa: FBT001
    """None when the author may not make policies any more."""
    author = get_reader(UUID(user_id))
    if author is None or not can(author, "moderation.manage_policy"):
        return None
    tried = try_checks(build_checks(checks), text, in_worker=True, with_remote=with_remote)
    return [one.as_dict() for one in tried]


def task_for(waiting: Replay) -> "Task[[str], None]":
    checks = build_checks(waiting.policy.checks)
    return replay_with_models if needs_models(checks, with_remote=waiting.with_remote) else replay
