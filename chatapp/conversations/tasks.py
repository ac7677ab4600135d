from celery import shared_task

from chatapp.celery import INFERENCE_QUEUE, PIPELINE_QUEUE
from chatapp.conversations import services


@shared_task(name="chatapp.conversations.tasks.answer_queued", queue=INFERENCE_QUEUE, expires=30)
def answer_queued() -> None:
    """There is work: this slot claims from Postgres until the queue is empty."""
    from chatapp.conversations.workers.inference import current_worker

    current_worker().answer_all()


@shared_task(name="chatapp.conversations.tasks.sweep_generations", queue=PIPELINE_QUEUE, expires=5)
def sweep_generations() -> None:
    services.sweep_generations()
