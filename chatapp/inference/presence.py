"""Workers say that they are alive; a row that was not refreshed lately is a worker that is gone."""

import os
import socket
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from chatapp.inference.models import ModelVersion, VersionProblem, Worker, WorkerKind

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
    loading: Sequence[UUID] = (),
    serves: Sequence[UUID] = (),
    problem: str = "",
) -> None:
    now = Now()
    state = {"kind": kind, "ready": ready, "slots": slots, "busy": busy, "problem": problem, "seen_at": now}
    with transaction.atomic():
        worker, created = Worker.objects.update_or_create(
            name=worker_name(kind), defaults=state, create_defaults={**state, "started_at": now}
        )
        for relation, ids in ((worker.loaded, loaded), (worker.loading, loading), (worker.serves, serves)):
            relation.set(ModelVersion.objects.filter(id__in=ids))
        if created:
            _forget_the_gone()


def forget_presence(kind: WorkerKind) -> None:
    """At an orderly stop: the worker is not missing, it has left."""
    name = worker_name(kind)
    Worker.objects.filter(name=name).delete()
    VersionProblem.objects.filter(worker=name).delete()


def _forget_the_gone() -> None:
    Worker.objects.filter(seen_at__lt=Now() - FORGET_AFTER).delete()
    known = Worker.objects.values("name")
    VersionProblem.objects.filter(since__lt=Now() - FORGET_AFTER).exclude(worker__in=known).delete()
