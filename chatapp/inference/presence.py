"""Workers say that they are alive; a row that was not refreshed lately is a worker that is gone."""

import os
import socket
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from chatapp.inference.models import ModelVersion, Worker, WorkerKind

FORGET_AFTER = timedelta(hours=1)


def worker_name(kind: WorkerKind) -> str:
    """Unique among processes that are alive."""
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"


def report_presence(
    *,
    kind: WorkerKind,
    ready: bool,
    slots: int = 0,
    busy: int = 0,
    loaded: Sequence[UUID] = (),
    problem: str = "",
) -> None:
    now = Now()
    state = {"kind": kind, "ready": ready, "slots": slots, "busy": busy, "problem": problem, "seen_at": now}
    with transaction.atomic():
        worker, created = Worker.objects.update_or_create(
            name=worker_name(kind), defaults=state, create_defaults={**state, "started_at": now}
        )
        worker.loaded.set(ModelVersion.objects.filter(id__in=loaded))
        if created:
            Worker.objects.filter(seen_at__lt=Now() - FORGET_AFTER).delete()


def forget_presence(kind: WorkerKind) -> None:
    """At an orderly stop: the worker is not missing, it has left."""
    Worker.objects.filter(name=worker_name(kind)).delete()
