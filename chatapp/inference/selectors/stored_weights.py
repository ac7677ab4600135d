"""The files of the store of models on this machine, and why each must stay."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Max, Q
from django.utils import timezone

from chatapp.inference.catalog import ARTIFACTS
from chatapp.inference.health import list_routed_versions
from chatapp.inference.models import (
    LIVE_ROLLOUT,
    OPEN_DOWNLOADS,
    AnswerOutcome,
    Download,
    ModelVersion,
    Rollout,
    VersionState,
)

# A rollout that is over may have to be taken back, and its page is still read.
ROLLOUT_KEPT = timedelta(days=30)
_WEIGHTS = re.compile(r"([0-9a-f]{64})\.gguf")
_NEEDED_STATES = (VersionState.EVALUATED, VersionState.SERVING)


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """`needed_by` says in words what keeps the file; empty: it may go."""

    sha256: str
    size_bytes: int
    changed_at: datetime
    versions: tuple[ModelVersion, ...]
    last_used: datetime | None
    needed_by: str

    @property
    def known_as(self) -> str:
        """What the product itself calls that file."""
        return next((known.name for known in ARTIFACTS.values() if known.sha256 == self.sha256), "")

    @property
    def may_go(self) -> bool:
        return not self.needed_by


def list_stored_weights() -> list[StoredWeights]:
    """The largest first. In six statements, however many files there are."""
    files = sorted(_files(settings.MODELS_DIR), key=lambda file: -file[1].st_size)
    if not files:
        return []
    versions = list(ModelVersion.objects.exclude(engine_options={}, sha256=""))
    reasons, used = _reasons(), _last_uses(versions)
    return [_stored(sha256, status, _users_of(sha256, versions), reasons, used) for sha256, status in files]


def _stored(
    sha256: str,
    status: os.stat_result,
    versions: list[ModelVersion],
    reasons: dict[object, str],
    used: dict[object, datetime],
) -> StoredWeights:
    return StoredWeights(
        sha256=sha256,
        size_bytes=status.st_size,
        changed_at=datetime.fromtimestamp(status.st_mtime, UTC),
        versions=tuple(versions),
        last_used=max((used[version.pk] for version in versions if version.pk in used), default=None),
        needed_by="; ".join(_why(version, reasons) for version in versions if _why(version, reasons)),
    )


def _files(directory: Path) -> Iterator[tuple[str, os.stat_result]]:
    """By hash. A file that goes meanwhile is none."""
    for path in directory.glob("*.gguf"):
        with suppress(FileNotFoundError):
            if _WEIGHTS.fullmatch(path.name) and path.is_file():
                yield path.stem, path.stat()


def _users_of(sha256: str, versions: Iterable[ModelVersion]) -> list[ModelVersion]:
    """Those whose weights or one of whose adapters it is."""
    return [version for version in versions if sha256 == version.sha256 or sha256 in _adapters_of(version)]


def _adapters_of(version: ModelVersion) -> set[str]:
    adapters = version.engine_options.get("adapters") or []
    return {str(adapter.get("sha256")) for adapter in adapters if isinstance(adapter, dict)}


def _why(version: ModelVersion, reasons: dict[object, str]) -> str:
    if version.state in _NEEDED_STATES:
        return f"{version.name} is {version.state}"
    return f"{version.name} {reasons[version.pk]}" if version.pk in reasons else ""


def _reasons() -> dict[object, str]:
    """By version: the weakest first, so that the strongest stands."""
    since = timezone.now() - ROLLOUT_KEPT
    reasons: dict[object, str] = {}
    recent = Rollout.objects.filter(Q(state__in=LIVE_ROLLOUT) | Q(finished_at__gt=since))
    for baseline, candidate in recent.values_list("baseline", "candidate"):
        reasons |= dict.fromkeys((baseline, candidate), "takes part in a rollout that is live or of the last 30 days")
    waiting = Download.objects.filter(state__in=OPEN_DOWNLOADS).values_list("version", flat=True)
    reasons |= dict.fromkeys(waiting, "is being fetched or checked")
    return reasons | dict.fromkeys(list_routed_versions(), "is named by a route")


def _last_uses(versions: Iterable[ModelVersion]) -> dict[object, datetime]:
    answered = AnswerOutcome.objects.filter(version__in=[version.pk for version in versions])
    return dict(answered.values_list("version").annotate(at=Max("created_at")))
