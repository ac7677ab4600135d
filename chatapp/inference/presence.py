"""Workers say that they are alive; a row that was not refreshed lately is a worker that is gone."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from chatapp.inference.models import ModelVersion, VersionProblem, Worker, WorkerKind

FORGET_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker says of itself. `serves`: can answer with them, loaded or not."""

    ready: bool
    slots: int = 0
    busy: int = 0
    loaded: Sequence[UUID] = ()
    loading: Sequence[UUID] = ()
    serves: Sequence[UUID] = ()
    problem: str = ""

    @property
    def versions(self) -> tuple[frozenset[UUID], ...]:
        return frozenset(self.loaded), frozenset(self.loading), frozenset(self.serves)


def worker_name(kind: WorkerKind) -> str:
    """Unique among processes that are alive."""
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"


class Presence:
    """The reports of one process. Lists of versions are written only when they have changed, the rest each time."""

    def __init__(self, kind: WorkerKind) -> None:
        self._kind = kind
        self._told: tuple[frozenset[UUID], ...] | None = None

    def report(self, report: Report) -> None:
        is_known = self._told == report.versions
        if not is_known or not Worker.objects.filter(name=worker_name(self._kind)).update(**_columns(report)):
            self._told = None
            report_presence(self._kind, report)
            self._told = report.versions


def report_presence(kind: WorkerKind, report: Report) -> None:
    """The whole of it."""
    first = {"kind": kind, "host": socket.gethostname()[:200], "pid": os.getpid(), "release": settings.RELEASE}
    with transaction.atomic():
        worker, created = Worker.objects.update_or_create(
            name=worker_name(kind),
            defaults=_columns(report),
            create_defaults={**first, **_columns(report), "started_at": Now()},
        )
        for name, ids in zip(("loaded", "loading", "serves"), report.versions, strict=True):
            getattr(worker, name).set(ModelVersion.objects.filter(id__in=ids))
        if created:
            _forget_the_gone()


def forget_presence(kind: WorkerKind) -> None:
    """At an orderly stop: the worker is not missing, it has left."""
    name = worker_name(kind)
    Worker.objects.filter(name=name).delete()
    VersionProblem.objects.filter(worker=name).delete()


def _columns(report: Report) -> dict[str, Any]:
    return {
        "ready": report.ready,
        "slots": report.slots,
        "busy": report.busy,
        "problem": report.problem[:500],
        "seen_at": Now(),
    }


def _forget_the_gone() -> None:
    Worker.objects.filter(seen_at__lt=Now() - FORGET_AFTER).delete()
    known = Worker.objects.values("name")
    VersionProblem.objects.filter(since__lt=Now() - FORGET_AFTER).exclude(worker__in=known).delete()
