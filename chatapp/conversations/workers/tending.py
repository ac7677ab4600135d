"""What a worker's models are told with each heartbeat."""

from uuid import UUID

from django.conf import settings

from chatapp.inference.health import list_rolling_versions, list_routed_versions
from chatapp.inference.pool import EnginePool
from chatapp.inference.pool.fetching import WeightFetcher
from chatapp.inference.selectors import list_chat_versions, serving_version


class Tender:
    """Weights that a route needs are fetched, and both versions of each rollout loaded before somebody waits for them.

    Once: one that had to go for another model is loaded again only when somebody asks, or two would take turns.
    """

    def __init__(self, pool: EnginePool) -> None:
        self._pool = pool
        self._tried: set[UUID] = set()
        self._fetcher = WeightFetcher()

    def tend(self) -> None:
        """Raises DatabaseError."""
        rolling = {version.id: version for version in list_rolling_versions()}
        versions, routed = list_chat_versions(), list_routed_versions()
        self._fetcher.look(versions, routed | rolling.keys())
        self._pool.tend(
            versions=versions,
            routed=routed,
            default=serving_version(),
            idle_seconds=settings.INFERENCE_IDLE_MINUTES * 60.0,
            rolling=rolling.keys(),
        )
        self._tried &= rolling.keys()
        for version in rolling.values():
            if version.id not in self._tried and self._pool.serves(version):
                self._tried.add(version.id)
                self._pool.prepare(version)
