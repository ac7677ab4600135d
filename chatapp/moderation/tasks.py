"""Celery's side: load by id, call one function. Heavy packages load in the functions that are called."""

from functools import partial
from uuid import UUID

from chatapp.celery import app
from chatapp.moderation import services
from chatapp.retrieval.low_priority import run_aside


@app.task(expires=3600)
def replay(replay_id: str) -> None:
    """One slice; the next message is the next slice, so that other work comes between."""
    if run_aside(partial(services.continue_replay, replay_id=UUID(replay_id))):
        replay.delay(replay_id)


@app.task(expires=20)
def sweep_replays() -> None:
    for replay_id in services.sweep_replays():
        replay.apply_async((str(replay_id),), expires=15)
