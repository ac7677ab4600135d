from datetime import datetime
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of_rows
from chatapp.conversations.services import eject_worker
from chatapp.errors import ChatappError
from chatapp.inference import selectors
from chatapp.inference.live_figures import load_figures
from chatapp.inference.models import ModelVersion, OrderKind, Worker, WorkerOrder
from chatapp.inference.services import order_worker

MAX_WORKERS = 500
router = Router(tags=["models"], auth=BearerKey("workers", "workers:write"))
MANAGER = BearerKey("workers:write", permission="inference.manage_worker")


class DeviceOut(Schema):
    kind: str
    index: int
    name: str
    total: int = Field(description="In bytes, as the others.")
    free: int
    own: int = Field(description="Of the CPU's memory: what the process itself takes.")


class FiguresOut(Schema):
    busy: int
    tokens_per_second: float = Field(description="Written, in the last minute.")
    devices: list[DeviceOut]


class WorkerOut(Schema):
    name: str
    kind: str
    host: str
    pid: int
    release: str
    is_alive: bool
    is_ready: bool
    is_draining: bool
    drained_at: datetime | None
    ejected_at: datetime | None
    slots: int
    loaded: list[str]
    problem: str
    started_at: datetime
    seen_at: datetime
    figures: FiguresOut | None = Field(description="Null while none are told, as without Redis.")


class OrderIn(Schema):
    worker: str = Field(max_length=200)
    kind: str = Field(max_length=16, description="drain, resume, load, unload or eject.")
    version: str = Field("", max_length=100, description="To load and to unload.")
    confirmed: bool = Field(False, description="Also where nobody else can answer then (`last_worker`).")


class OrderOut(Schema):
    id: UUID
    worker: str
    kind: str
    version: str | None
    state: str
    result: str
    by: str | None
    created_at: datetime
    deadline: datetime
    finished_at: datetime | None


@router.get("", response=Page[WorkerOut])
def list_workers(request: ApiRequest, query: Query[ListQuery]) -> Page[WorkerOut]:
    """Those that are gone, too; the one that began last comes first."""
    workers = list(selectors.list_workers_for(request.auth)[:MAX_WORKERS])
    figures = load_figures([worker.name for worker in workers]) or {}
    newest = sorted(workers, key=_place, reverse=True)
    return page_of_rows(newest, query, lambda worker: _shape(worker, figures.get(worker.name)), place=_place)


@router.post("/orders", response={202: OrderOut}, auth=MANAGER)
def give_order(request: ApiRequest, body: OrderIn) -> Status[OrderOut]:
    """The worker takes it at once, or with its next heartbeat; ask for it again to see what came of it."""
    if body.kind not in OrderKind.values:
        raise ChatappError("invalid", detail=f"kind is one of {', '.join(OrderKind.values)}.")
    user, kind = request.auth, OrderKind(body.kind)
    worker = selectors.get_worker_for(user, body.worker)
    if kind == OrderKind.EJECT:
        return Status(202, _order(eject_worker(user=user, worker=worker, confirmed=body.confirmed)))
    version = _version(body.version)
    order = order_worker(user=user, worker=worker, kind=kind, version=version, confirmed=body.confirmed)
    return Status(202, _order(order))


@router.get("/orders/{uuid:order_id}", response=OrderOut)
def get_order(request: ApiRequest, order_id: UUID) -> OrderOut:
    return _order(selectors.get_order_for(request.auth, order_id))


def _place(worker: Worker) -> tuple[datetime, str]:
    return worker.started_at, worker.name


def _version(name: str) -> ModelVersion | None:
    return selectors.get_version_by_name(name) if name else None


def _shape(worker: Worker, figures: object) -> WorkerOut:
    return WorkerOut(
        is_alive=getattr(worker, "alive", False),
        is_ready=worker.ready,
        loaded=sorted(version.name for version in worker.loaded.all()),
        figures=FiguresOut.model_validate(figures, from_attributes=True) if figures else None,
        **{name: getattr(worker, name) for name in _PLAIN},
    )


_PLAIN = (
    "name", "kind", "host", "pid", "release", "is_draining", "drained_at", "ejected_at", "slots", "problem",
    "started_at", "seen_at",
)  # fmt: skip


def _order(order: WorkerOrder) -> OrderOut:
    return OrderOut(
        version=order.version.name if order.version else None,
        by=order.actor.username if order.actor else None,
        **{name: getattr(order, name) for name in _ORDER},
    )


_ORDER = ("id", "worker", "kind", "state", "result", "created_at", "deadline", "finished_at")
