"""`/metrics`: what all processes counted, and gauges that are read from the database when they are asked for.

With PROMETHEUS_MULTIPROC_DIR set, every process of the product writes its counters there and the web process
answers for all of them; without it the web process answers for itself.
"""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from chatapp import metrics as _faults  # noqa: F401 (an unused counter shows as zero)
from chatapp import selectors
from chatapp.accounts import metrics as _accounts  # noqa: F401 (likewise)
from chatapp.conversations import metrics as _conversations  # noqa: F401 (likewise)
from chatapp.evaluation.models import AlertKind, AlertMetric
from chatapp.evaluation.selectors import count_open_alerts
from chatapp.inference import metrics as _inference  # noqa: F401 (likewise)
from chatapp.inference.health import count_states
from chatapp.inference.models import Arm, WorkerKind
from chatapp.inference.selectors import list_live_rollouts, live_workers
from chatapp.moderation import metrics as _moderation  # noqa: F401 (likewise)
from chatapp.moderation.selectors import count_overdue
from chatapp.retrieval import metrics as _retrieval  # noqa: F401 (likewise)

CONTENT_TYPE = CONTENT_TYPE_LATEST


class DatabaseCollector(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        depth = GaugeMetricFamily("chatapp_queue_depth", "Answers that wait for a worker.", labels=["route"])
        for route, waiting in {"default": 0, **selectors.count_queued_by_route()}.items():
            depth.add_metric([route], waiting)
        yield depth
        workers = list(live_workers(WorkerKind.INFERENCE))
        busy = sum(worker.busy for worker in workers)
        slots = GaugeMetricFamily("chatapp_engine_slots", "Slots of live inference workers.", labels=["state"])
        slots.add_metric(["busy"], busy)
        slots.add_metric(["free"], sum(worker.slots for worker in workers) - busy)
        yield slots
        versions = GaugeMetricFamily(
            "chatapp_model_version_workers",
            "Live workers by what they can do with it.",
            labels=["model_version", "state"],
        )
        for name, states in count_states():
            for state, count in states.items():
                versions.add_metric([name, state], count)
        yield versions
        alerts = GaugeMetricFamily("chatapp_alerts_open", "Figures out of their band.", labels=["kind", "metric"])
        counted = count_open_alerts()
        for kind, metric in product(AlertKind.values, AlertMetric.values):
            alerts.add_metric([kind, metric], counted.get((kind, metric), 0))
        yield alerts
        overdue = GaugeMetricFamily("chatapp_flags_overdue", "Flags that should have been decided by now.")
        overdue.add_metric([], count_overdue())
        yield overdue
        yield from _rollouts()


def _rollouts() -> Iterator[GaugeMetricFamily]:
    """Of the live ones, of which a route has one at most: what the judge found last."""
    labels = ["route", "candidate"]
    shares = GaugeMetricFamily(
        "chatapp_rollout_share", "Percent of a route's users that a candidate has.", labels=labels
    )
    figures = GaugeMetricFamily(
        "chatapp_rollout_guard", "A guard's figure of each arm.", labels=[*labels, "guard", "arm"]
    )
    for rollout in list_live_rollouts():
        of = [rollout.route_id, rollout.candidate.name]
        shares.add_metric(of, rollout.share)
        for guard in (rollout.verdict or {}).get("guards", []):
            for arm in Arm.values:
                if guard[arm] is not None:
                    figures.add_metric([*of, guard["name"], arm], guard[arm])
    yield shares
    yield figures


def render_metrics() -> bytes:
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        _forget_ended_processes(Path(folder))
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(REGISTRY) + generate_latest(registry)


def _forget_ended_processes(folder: Path) -> None:
    """What a killed process left behind counts on, except gauges of the moment, such as open sockets."""
    for path in folder.glob("gauge_live*.db"):
        pid = int(path.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
