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
        "chatapp.retrieval.tasks.draw_page",
        "chatapp.retrieval.tasks.embed",
        "chatapp.retrieval.tasks.explain_search",
        "chatapp.retrieval.tasks.search_passages",
    ),
    PIPELINE_QUEUE: (
        "chatapp.accounts.tasks.log_audit_head",
        "chatapp.accounts.tasks.seal_audit_events",
        "chatapp.conversations.tasks.delete_expired_conversations",
        "chatapp.conversations.tasks.purge_cached_answers",
        "chatapp.conversations.tasks.sweep_generations",
        "chatapp.evaluation.tasks.deliver_alerts",
        "chatapp.evaluation.tasks.prepare_comparisons",
        "chatapp.evaluation.tasks.sweep_gates",
        "chatapp.evaluation.tasks.watch_answers",
        "chatapp.evaluation.tasks.watch_weeks",
        "chatapp.inference.tasks.fetch_weights",
        "chatapp.inference.tasks.judge_rollouts",
        "chatapp.inference.tasks.sum_usage",
        "chatapp.inference.tasks.sweep_orders",
        "chatapp.inference.tasks.tend_downloads",
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

# What beat sends: every how many seconds, and after how many a message is dropped that nobody took.
SWEEPS = {
    "chatapp.accounts.tasks.log_audit_head": (3600, 600),
    "chatapp.accounts.tasks.seal_audit_events": (2, 5),
    "chatapp.conversations.tasks.delete_expired_conversations": (60, 50),
    "chatapp.conversations.tasks.purge_cached_answers": (3600, 600),
    "chatapp.conversations.tasks.sweep_generations": (2, 5),
    "chatapp.evaluation.tasks.deliver_alerts": (5, 5),
    "chatapp.evaluation.tasks.prepare_comparisons": (3, 3),
    "chatapp.evaluation.tasks.sweep_gates": (1, 5),
    "chatapp.evaluation.tasks.watch_answers": (30, 30),
    "chatapp.evaluation.tasks.watch_weeks": (3600, 600),
    "chatapp.inference.tasks.judge_rollouts": (2, 5),
    "chatapp.inference.tasks.sum_usage": (3600, 600),
    "chatapp.inference.tasks.sweep_orders": (5, 5),
    "chatapp.inference.tasks.tend_downloads": (10, 60),
    "chatapp.inference.tasks.watch_budgets": (60, 55),
    "chatapp.moderation.tasks.look_for_personal_data": (10, 10),
    "chatapp.moderation.tasks.sweep_replays": (20, 20),
    "chatapp.privacy.tasks.run_erasures": (300, 240),
    "chatapp.privacy.tasks.run_retention": (3600, 600),
    "chatapp.privacy.tasks.sweep_exports": (60, 55),
    "chatapp.retrieval.tasks.purge_collections": (60, 50),
    "chatapp.retrieval.tasks.sweep_connectors": (10, 20),
    "chatapp.retrieval.tasks.sweep_documents": (10, 20),
    "chatapp.retrieval.tasks.sweep_evaluations": (20, 20),
    "chatapp.retrieval.tasks.tend_indexes": (10, 9),
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
            name: {"task": name, "schedule": every, "options": {"expires": expires}}
            for name, (every, expires) in SWEEPS.items()
        },
    )


configure()
app.autodiscover_tasks()
