"""Orders to workers: given by operators, taken by the worker, failed when it is gone or too late."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.inference.health import find_consequence
from chatapp.inference.models import OPEN_ORDER, ModelVersion, OrderKind, OrderState, Worker, WorkerKind, WorkerOrder
from chatapp.inference.order_signals import signal_order
from chatapp.inference.selectors import list_live_names

PATIENCE = {
    OrderKind.DRAIN: timedelta(minutes=30),
    OrderKind.RESUME: timedelta(minutes=1),
    OrderKind.LOAD: timedelta(minutes=15),
    OrderKind.UNLOAD: timedelta(minutes=30),
    OrderKind.EJECT: timedelta(minutes=2),
}
OF_A_VERSION = {OrderKind.LOAD, OrderKind.UNLOAD}
OPPOSITES = {
    OrderKind.DRAIN: OrderKind.RESUME,
    OrderKind.RESUME: OrderKind.DRAIN,
    OrderKind.LOAD: OrderKind.UNLOAD,
    OrderKind.UNLOAD: OrderKind.LOAD,
}
_GONE = "The worker ended, or was not heard of any more, before it was done."
_LATE = "The worker did not do it in time."


@transaction.atomic
def order_worker(
    *, user: User, worker: Worker, kind: OrderKind, version: ModelVersion | None = None, confirmed: bool = False
) -> WorkerOrder:
    """The worker takes the order at once, or with its next heartbeat. One that is open already is given back.

    `confirmed`: the operator knows what it means where the worker is the last one. To eject a worker, use
    `conversations.services.eject_worker`. Raises ChatappError: forbidden, invalid, worker_gone, last_worker.
    """
    require(user, "inference.manage_worker")
    known = Worker.objects.select_for_update().filter(name=worker.name).first()
    if known is None or (kind != OrderKind.EJECT and known.name not in list_live_names()):
        raise ChatappError("worker_gone", name=worker.name)
    _check(known, kind, version)
    open_one = WorkerOrder.objects.filter(worker=known.name, kind=kind, version=version, state__in=OPEN_ORDER).first()
    if open_one is not None:
        return open_one
    consequence = find_consequence(known, kind, version)
    if consequence and not confirmed:
        raise ChatappError("last_worker", consequence=consequence)
    _mark(known, kind)
    _overrule(known, kind, version)
    order = WorkerOrder.objects.create(
        worker=known.name, kind=kind, version=version, actor=user, deadline=timezone.now() + PATIENCE[kind]
    )
    detail: dict[str, object] = {
        "worker": known.name,
        "kind": str(kind),
        "version": version.name if version else "",
        "consequence": consequence,
    }
    record_event(actor=user, action="inference.worker_ordered", obj=order, detail=detail)
    transaction.on_commit(partial(signal_order, known.name))
    return order


def take_orders(*, worker: str) -> list[WorkerOrder]:
    """Those that wait for this worker, oldest first, which it then runs."""
    with transaction.atomic():
        waiting = WorkerOrder.objects.select_for_update(of=("self",), skip_locked=True).select_related("version")
        orders = list(waiting.filter(worker=worker, state=OrderState.WAITING).order_by("created_at", "id"))
        WorkerOrder.objects.filter(pk__in=[order.pk for order in orders]).update(state=OrderState.RUNNING)
    return orders


def finish_order(order: WorkerOrder, *, state: OrderState, result: str) -> None:
    """By the worker; one that has failed meanwhile stays so."""
    open_one = WorkerOrder.objects.filter(pk=order.pk, state__in=OPEN_ORDER)
    open_one.update(state=state, result=result[:500], finished_at=Now())


def note_drained(*, worker: str) -> None:
    """The last running answer of a draining worker has ended."""
    Worker.objects.filter(name=worker, is_draining=True, drained_at=None).update(drained_at=Now())


def fail_orders() -> int:
    """Orders to workers that are gone, and those past their deadline. Returns how many."""
    is_gone = ~Q(worker__in=list_live_names())
    lost = WorkerOrder.objects.filter(is_gone | Q(deadline__lt=Now()), state__in=OPEN_ORDER)
    ejected = lost.filter(is_gone, kind=OrderKind.EJECT)
    done = ejected.update(state=OrderState.DONE, result="The worker has ended, or hangs.", finished_at=Now())
    result = Case(When(is_gone, then=Value(_GONE)), default=Value(_LATE))
    return done + lost.update(state=OrderState.FAILED, result=result, finished_at=Now())


def _check(worker: Worker, kind: OrderKind, version: ModelVersion | None) -> None:
    problem = ""
    if worker.kind != WorkerKind.INFERENCE:
        problem = "only inference workers take orders; stop one that reads documents on its machine."
    elif worker.ejected_at is not None:
        problem = "the worker was ejected already."
    elif (version is not None) != (kind in OF_A_VERSION):
        problem = "a version is named to load and to unload, and for nothing else."
    elif kind == OrderKind.RESUME and not worker.is_draining:
        problem = "the worker is not draining."
    elif kind == OrderKind.DRAIN and worker.is_draining:
        problem = "the worker is draining already."
    if problem:
        raise ChatappError("invalid", detail=problem)


def _mark(worker: Worker, kind: OrderKind) -> None:
    """What others go by at once: nobody who looks for a ready worker is sent to this one."""
    marks: dict[OrderKind, dict[str, Any]] = {
        OrderKind.DRAIN: {"is_draining": True, "drained_at": None, "ready": False},
        OrderKind.RESUME: {"is_draining": False, "drained_at": None},
        OrderKind.EJECT: {"ejected_at": Now(), "ready": False},
    }
    if kind in marks:
        Worker.objects.filter(pk=worker.pk).update(**marks[kind])


def _overrule(worker: Worker, kind: OrderKind, version: ModelVersion | None) -> None:
    """Open orders that the new one makes void have failed."""
    void = WorkerOrder.objects.filter(worker=worker.name, state__in=OPEN_ORDER)
    if kind in OPPOSITES:
        void = void.filter(kind=OPPOSITES[kind], version=version)
    elif kind != OrderKind.EJECT:
        return
    void.update(state=OrderState.FAILED, result=f"A later order overruled it: {kind}.", finished_at=Now())
