"""A worker brings weights that a route needs and its machine lacks, from the version's own sources."""

import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from uuid import UUID

import structlog

from chatapp.inference.artifacts import ArtifactBusyError, ArtifactError, ensure_artifact
from chatapp.inference.models import ModelVersion, Provider, VersionState
from chatapp.inference.pool.background import Background
from chatapp.inference.pool.needs import weights_path
from chatapp.inference.services.verification import artifact_of

# Another worker of this machine may be at it; a source that failed may be repaired.
BUSY_SECONDS, FAILED_SECONDS = 15.0, 300.0
log = structlog.get_logger(__name__)


class WeightFetcher:
    """One file at a time, beside answering. Only what was verified once: a draft's hash is nobody's word yet."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._background = Background("weight-fetcher")
        self._not_before: dict[UUID, float] = {}

    def look(self, versions: Iterable[ModelVersion], routed: Collection[UUID]) -> None:
        """Call it every few seconds; returns at once. What it fetched is found by the pool."""
        now = self._clock()
        for version in versions:
            if version.id in routed and self._lacks(version) and now >= self._not_before.get(version.id, 0.0):
                self._not_before[version.id] = float("inf")
                self._background.run(partial(self._fetch, version))

    def close(self) -> None:
        self._background.stop()

    def _lacks(self, version: ModelVersion) -> bool:
        is_known = version.provider == Provider.LLAMA_CPP and version.sha256 and version.state != VersionState.DRAFT
        return bool(is_known) and not weights_path(version).exists()

    def _fetch(self, version: ModelVersion) -> None:
        pause, started = FAILED_SECONDS, self._clock()
        try:
            artifact = artifact_of(version)
            if artifact.sources:
                log.info("weights_wanted", version=version.name)
                directory = weights_path(version).parent
                ensure_artifact(artifact, directory=directory, report=lambda _progress: None, is_patient=False)
                log.info("weights_fetched", version=version.name, seconds=round(self._clock() - started, 1))
        except ArtifactBusyError:
            pause = BUSY_SECONDS
        except (ArtifactError, OSError) as error:
            log.warning("weights_not_fetched", version=version.name, reason=str(error))
        finally:
            self._not_before[version.id] = self._clock() + pause
