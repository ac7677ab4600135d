"""Liveness, readiness and metrics, for supervisors and monitoring."""

import ipaddress
import secrets
import threading
import time
from collections.abc import Callable, Mapping

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from chatapp import selectors
from chatapp.errors import ChatappError
from chatapp.exposition import CONTENT_TYPE, render_metrics
from chatapp.inference.models import WorkerKind
from chatapp.inference.selectors import has_ready_worker
from chatapp.problems import problem_response
from chatapp.redis import redis_client
from chatapp.runtime.instance import read_instance

OK = "ok"
_CACHE_SECONDS = 1.0
# Python's own `is_private` also holds for addresses that are reserved or meant for documentation.
_PRIVATE = [
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]


class Readiness:
    """The state of each part in a few words, `ok` when it is ready. Asked of the parts at most once a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._parts: dict[str, str] = {}
        self._settled: set[str] = set()

    def parts(self) -> dict[str, str]:
        with self._lock:
            if time.monotonic() - self._asked_at >= _CACHE_SECONDS:
                self._parts = self._ask()
                self._asked_at = time.monotonic()
            return self._parts

    def _ask(self) -> dict[str, str]:
        parts = {"database": _part(_database), "broker": _part(_broker)}
        if parts["database"] != OK:
            return parts
        parts["migrations"] = _part(lambda: self._once("migrations", _migrations))
        if parts["migrations"] != OK:
            return parts
        parts["inference"] = _worker(WorkerKind.INFERENCE, "no inference worker has loaded a model yet")
        parts["embedder"] = _worker(WorkerKind.PIPELINE, "no pipeline worker has loaded the embedder yet")
        instance = read_instance()
        if instance is not None and instance.demo:
            parts["demo"] = _part(lambda: self._once("demo", _demo_documents))
        return parts

    def _once(self, name: str, ask: Callable[[], str]) -> str:
        """A condition of starting up: once it held, later uploads do not make the product unready."""
        state = OK if name in self._settled else ask()
        if state == OK:
            self._settled.add(name)
        return state


def _part(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except (DatabaseError, PoolTimeout):
        return "the database does not answer"
    except RedisError:
        return "the broker does not answer"


def _database() -> str:
    selectors.ping_database()
    return OK


def _migrations() -> str:
    return "migrations are not applied yet" if selectors.has_pending_migrations() else OK


def _broker() -> str:
    redis_client().ping()
    return OK


def _worker(kind: WorkerKind, problem: str) -> str:
    return _part(lambda: OK if has_ready_worker(kind) else problem)


def _demo_documents() -> str:
    return "demo documents are being read" if selectors.has_unsettled_documents() else OK


_readiness = Readiness()


def readiness() -> Mapping[str, str]:
    """What `/readyz` says of each part of the product: `ok`, or in a few words what is wrong."""
    return _readiness.parts()


@never_cache
@require_safe
def livez(_: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(_: HttpRequest) -> HttpResponse:
    parts = _readiness.parts()
    ready = all(state == OK for state in parts.values())
    return JsonResponse({"ready": ready, "parts": parts}, status=200 if ready else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not (_has_metrics_token(request) or _is_private_peer(request)):
        return problem_response(ChatappError("forbidden"))
    return HttpResponse(render_metrics(), content_type=CONTENT_TYPE)


def _has_metrics_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    expected = settings.METRICS_TOKEN
    return bool(expected) and scheme == "Bearer" and secrets.compare_digest(token.encode(), expected.encode())


def _is_private_peer(request: HttpRequest) -> bool:
    """What a proxy forwards comes from a private address whoever sent it, so forwarded requests need the token."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        peer = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    address = getattr(peer, "ipv4_mapped", None) or peer
    return any(address in network for network in _PRIVATE)
