"""Tells a worker that an order waits for it. A signal that is lost costs a heartbeat: the orders are rows."""

from functools import partial

from chatapp.announcer import announce
from chatapp.redis import redis_client

ORDERS_CHANNEL = "worker-orders"


def signal_order(worker: str) -> None:
    announce("worker_order", partial(redis_client().publish, ORDERS_CHANNEL, worker))
