"""Celery's side of answering: a message carries no data, Postgres knows the work."""

from uuid import UUID

from chatapp.celery import app
from chatapp.conversations import services
from chatapp.inference.models import Task


@app.task(expires=30)
def answer_queued() -> None:
    """There is work: this slot claims from Postgres until the queue is empty."""
    from chatapp.conversations.workers.inference import current_worker

    current_worker().answer_all()


@app.task(expires=60)
def do_side_work(task: str, generation_id: str, tries: int = 0) -> None:
    from chatapp.conversations.workers.inference import current_worker
    from chatapp.conversations.workers.side_work import do_side_work

    do_side_work(current_worker(), Task(task), UUID(generation_id), tries=tries)


@app.task(expires=50)
def delete_expired_conversations() -> None:
    services.delete_expired_conversations()


@app.task(expires=600)
def purge_cached_answers() -> None:
    services.purge_cached_answers()


@app.task(expires=5)
def sweep_generations() -> None:
    services.sweep_when_settled()
