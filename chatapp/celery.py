"""The Celery application. Postgres is the queue of record: a message here only says that there is work."""

import inspect
import os
from typing import Any

import structlog
from celery import Celery, Task
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatapp.settings")

INFERENCE_QUEUE = "inference"
PIPELINE_QUEUE = "pipeline"
LOOKUP_QUEUE = "lookup"

# Every task names its queue here and its expiry where it is defined; a guard test compares.
TASKS = {
    INFERENCE_QUEUE: (
        "chatapp.conversations.tasks.answer_queued",
        "chatapp.conversations.tasks.do_side_work",
        "chatapp.evaluation.tasks.measure_gate",
        "chatapp.moderation.tasks.replay_with_models",
    ),
    LOOKUP_QUEUE: (
        "chatapp.inference.tasks.remove_stored_weights",
        "chatapp.moderation.tasks.try_policy",
        "chatapp.retrieval.tasks.explain_search",
        "chatapp.retrieval.tasks.search_passages",
        "chatapp.retrieval.tasks.embed",
        "chatapp.retrieval.tasks.draw_page",
    ),
    PIPELINE_QUEUE: (
        "chatapp.accounts.tasks.log_audit_head",
        "chatapp.accounts.tasks.seal_audit_events",
        "chatapp.conversations.tasks.delete_expired_conversations",
        "chatapp.conversations.tasks.purge_cached_answers",
        "chatapp.conversations.tasks.sweep_generations",
        "chatapp.evaluation.tasks.deliver_alerts",
        "chatapp.evaluation.tasks.watch_answers",
        "chatapp.evaluation.tasks.watch_weeks",
        "chatapp.inference.tasks.fetch_weights",
        "chatapp.inference.tasks.judge_rollouts",
        "chatapp.inference.tasks.sweep_orders",
        "chatapp.inference.tasks.tend_downloads",
        "chatapp.evaluation.tasks.prepare_comparisons",
        "chatapp.evaluation.tasks.sweep_gates",
        "chatapp.inference.tasks.watch_budgets",
        "chatapp.moderation.tasks.look_for_personal_data",
        "chatapp.moderation.tasks.replay",
        "chatapp.moderation.tasks.sweep_replays",
        "chatapp.privacy.tasks.make_export",
        "chatapp.privacy.tasks.run_erasures",
        "chatapp.privacy.tasks.run_retention",
        "chatapp.privacy.tasks.sweep_exports",
        "chatapp.retrieval.tasks.evaluate",
        "chatapp.retrieval.tasks.process_documents",
        "chatapp.retrieval.tasks.purge_collections",
        "chatapp.retrieval.tasks.sweep_connectors",
        "chatapp.retrieval.tasks.sweep_documents",
        "chatapp.retrieval.tasks.sweep_evaluations",
        "chatapp.retrieval.tasks.sync_connector",
        "chatapp.retrieval.tasks.tend_index",
        "chatapp.retrieval.tasks.tend_indexes",
    ),
}

log = structlog.get_logger(__name__)


class VersionedTask(Task):  # type: ignore[type-arg]
    """Takes messages of older and of newer code, as there are at a deploy.

    What an older one lacks has a default; what a newer one adds is ignored. One whose payload `v` (1 when it says
    nothing) is newer than this code understands is left: Postgres holds the work, and newer workers find it there.
    """

    payload_version = 1

    def __call__(self, *args: Any, v: int = 1, **kwargs: Any) -> Any:
        if v > self.payload_version:
            log.warning("newer_payload", task=self.name, version=v)
            return None
        known = inspect.signature(self.run).parameters
        places = [one for one in known.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
        return self.run(*args[: len(places)], **{name: value for name, value in kwargs.items() if name in known})


app: Celery[Task[Any, Any]] = Celery("chatapp", task_cls=VersionedTask)


def configure() -> None:
    from django.conf import settings

    app.conf.update(
        broker_url=settings.REDIS_URL,
        result_backend=settings.REDIS_URL,
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        result_accept_content=["json"],
        result_expires=60,
        task_ignore_result=True,
        task_queues=[Queue(name) for name in (INFERENCE_QUEUE, PIPELINE_QUEUE, LOOKUP_QUEUE)],
        task_create_missing_queues=False,
        task_default_queue=PIPELINE_QUEUE,
        task_routes={name: {"queue": queue} for queue, names in TASKS.items() for name in names},
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # A broker that hangs is given up in seconds: what was to be sent is found in Postgres.
        task_publish_retry=False,
        broker_transport_options={
            "visibility_timeout": 3600,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "health_check_interval": 5,
        },
        redis_socket_timeout=5,
        redis_socket_connect_timeout=2,
        result_backend_transport_options={"retry_policy": {"timeout": 5.0}},
        timezone="UTC",
        beat_schedule={
            "judge-rollouts": {
                "task": "chatapp.inference.tasks.judge_rollouts",
                "schedule": 2.0,
                "options": {"expires": 5},
            },
            "seal-audit-events": {
                "task": "chatapp.accounts.tasks.seal_audit_events",
                "schedule": 2.0,
                "options": {"expires": 5},
            },
            "log-audit-head": {
                "task": "chatapp.accounts.tasks.log_audit_head",
                "schedule": 3600.0,
                "options": {"expires": 600},
            },
            "watch-answers": {
                "task": "chatapp.evaluation.tasks.watch_answers",
                "schedule": 30.0,
                "options": {"expires": 30},
            },
            "watch-weeks": {
                "task": "chatapp.evaluation.tasks.watch_weeks",
                "schedule": 3600.0,
                "options": {"expires": 600},
            },
            "deliver-alerts": {
                "task": "chatapp.evaluation.tasks.deliver_alerts",
                "schedule": 5.0,
                "options": {"expires": 5},
            },
            "sweep-orders": {
                "task": "chatapp.inference.tasks.sweep_orders",
                "schedule": 5.0,
                "options": {"expires": 5},
            },
            "sweep-generations": {
                "task": "chatapp.conversations.tasks.sweep_generations",
                "schedule": 2.0,
                "options": {"expires": 5},
            },
            "delete-expired-conversations": {
                "task": "chatapp.conversations.tasks.delete_expired_conversations",
                "schedule": 60.0,
                "options": {"expires": 50},
            },
            "purge-cached-answers": {
                "task": "chatapp.conversations.tasks.purge_cached_answers",
                "schedule": 3600.0,
                "options": {"expires": 600},
            },
            "watch-budgets": {
                "task": "chatapp.inference.tasks.watch_budgets",
                "schedule": 60.0,
                "options": {"expires": 55},
            },
            "sweep-exports": {
                "task": "chatapp.privacy.tasks.sweep_exports",
                "schedule": 60.0,
                "options": {"expires": 55},
            },
            "run-retention": {
                "task": "chatapp.privacy.tasks.run_retention",
                "schedule": 3600.0,
                "options": {"expires": 600},
            },
            "run-erasures": {
                "task": "chatapp.privacy.tasks.run_erasures",
                "schedule": 300.0,
                "options": {"expires": 240},
            },
            "purge-collections": {
                "task": "chatapp.retrieval.tasks.purge_collections",
                "schedule": 60.0,
                "options": {"expires": 50},
            },
            "sweep-evaluations": {
                "task": "chatapp.retrieval.tasks.sweep_evaluations",
                "schedule": 20.0,
                "options": {"expires": 20},
            },
            "prepare-comparisons": {
                "task": "chatapp.evaluation.tasks.prepare_comparisons",
                "schedule": 3.0,
                "options": {"expires": 3},
            },
            "sweep-gates": {
                "task": "chatapp.evaluation.tasks.sweep_gates",
                "schedule": 1.0,
                "options": {"expires": 5},
            },
            "look-for-personal-data": {
                "task": "chatapp.moderation.tasks.look_for_personal_data",
                "schedule": 10.0,
                "options": {"expires": 10},
            },
            "sweep-replays": {
                "task": "chatapp.moderation.tasks.sweep_replays",
                "schedule": 20.0,
                "options": {"expires": 20},
            },
            "tend-downloads": {
                "task": "chatapp.inference.tasks.tend_downloads",
                "schedule": 10.0,
                "options": {"expires": 60},
            },
            "tend-indexes": {
                "task": "chatapp.retrieval.tasks.tend_indexes",
                "schedule": 10.0,
                "options": {"expires": 9},
            },
            "sweep-connectors": {
                "task": "chatapp.retrieval.tasks.sweep_connectors",
                "schedule": 10.0,
                "options": {"expires": 20},
            },
            "sweep-documents": {
                "task": "chatapp.retrieval.tasks.sweep_documents",
                "schedule": 10.0,
                "options": {"expires": 20},
            },
        },
    )


configure()
app.autodiscover_tasks()
