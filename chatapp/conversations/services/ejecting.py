"""Giving up a worker that hangs, with what it is at."""

from django.db import transaction
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.queue import count_running
from chatapp.errors import ChatappError
from chatapp.inference import services
from chatapp.inference.models import OrderKind, Worker, WorkerOrder


@transaction.atomic
def eject_worker(*, user: User, worker: Worker, confirmed: bool = False) -> WorkerOrder:
    """Ends the leases of all its answers at once: the sweeper asks those that have shown nothing again elsewhere, and
    the others are interrupted with their text. The worker is told to end, and holds no lease any more if it does not.

    `confirmed`: the operator knows of answers that are alive there, and of versions that nobody else serves.
    Raises ChatappError as `order_worker`; last_worker too while answers are alive.
    """
    alive = count_running().get(worker.name, 0)
    order = services.order_worker(user=user, worker=worker, kind=OrderKind.EJECT, confirmed=confirmed)
    if alive and not confirmed:
        raise ChatappError("last_worker", consequence=describe_running(alive))
    Generation.objects.filter(lease_owner=worker.name, status=Status.ANSWERING).update(lease_until=Now())
    return order


def describe_running(count: int) -> str:
    answers = "1 answer is" if count == 1 else f"{count} answers are"
    return f"{answers} being written there: those that have shown text are interrupted, the others start again."
