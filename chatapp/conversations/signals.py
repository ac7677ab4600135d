"""Connects the process's life to this app: Celery's worker signals and the end of a sign-in."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.dispatch import receiver

from chatapp.accounts.signals import AccessChange, access_changed
from chatapp.celery import INFERENCE_QUEUE
from chatapp.conversations import events, services

_stop: list[Callable[[], None]] = []


@receiver(access_changed)
def tell_sockets(user_id: UUID, change: AccessChange, session_key: str, **_: Any) -> None:
    """What is lost on the way is found by chatapp.conversations.sockets.watch."""
    if change == AccessChange.RIGHTS:
        events.renew_rights(user_id)
    else:
        events.close_sockets(user_id, session_key)


@receiver(access_changed)
def stop_answers_of_closed_account(user_id: UUID, change: AccessChange, **_: Any) -> None:
    if change == AccessChange.DISABLED:
        services.stop_all_of(user_id=user_id)


@worker_ready.connect
def start_beside_celery(sender: Any, **_: Any) -> None:
    if INFERENCE_QUEUE in sender.app.amqp.queues.consume_from:
        from chatapp.conversations.workers.inference import current_worker

        current_worker().start()
        _stop.append(current_worker().close)
    else:
        from chatapp.conversations.workers.pipeline import PipelineWorker

        worker = PipelineWorker()
        worker.start()
        _stop.append(worker.close)


@worker_shutting_down.connect
def claim_no_more(**_: Any) -> None:
    """SIGTERM: running answers finish within the drain time, queued ones are left to others."""
    from chatapp.conversations.workers.inference import current_worker

    if current_worker.cache_info().currsize:
        current_worker().draining.set()


@worker_shutdown.connect
def stop_beside_celery(**_: Any) -> None:
    for stop in _stop:
        stop()
