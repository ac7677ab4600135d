"""Removing from the store of models what nothing needs."""

import shutil
import time
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.inference.artifacts import ArtifactBusyError, remove_artifact
from chatapp.inference.models import ModelVersion, VersionState
from chatapp.inference.selectors.stored_weights import StoredWeights, list_stored_weights
from chatapp.inference.services.states import change_state

PARTIAL_SECONDS = 24 * 3600.0
_PARTIALS = ("*.part", "*.part.tag", "*.part.done", "incoming-*.lock", "packages-*")
log = structlog.get_logger(__name__)


def remove_weights(*, user: User, hashes: Collection[str]) -> list[StoredWeights]:
    """The files of this machine's store that went: those of `hashes` that nothing needs at this moment.

    Versions that were only verified are drafts again. Raises ChatappError("forbidden").
    """
    require(user, "inference.remove_weights")
    chosen = [weights for weights in list_stored_weights() if weights.sha256 in hashes and weights.may_go]
    return [weights for weights in chosen if _remove(user, weights)]


def remove_weights_for(*, user_id: UUID, hashes: Collection[str]) -> list[StoredWeights]:
    """The same by a worker, whose machine has the store. Nothing for an account that was closed meanwhile."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    return remove_weights(user=user, hashes=hashes) if user else []


def _remove(user: User, weights: StoredWeights) -> bool:
    with transaction.atomic():
        known = list(_lock_users(weights.sha256))
        if not any(one.sha256 == weights.sha256 and one.may_go for one in list_stored_weights()):
            return False  # in the moment since the list was read
        for version in known:
            if version.sha256 == weights.sha256 and version.state == VersionState.VERIFIED:
                change_state(user=user, version=version, state=VersionState.DRAFT, reason="Its weights were removed.")
        detail: dict[str, object] = {"sha256": weights.sha256, "bytes": weights.size_bytes}
        detail["versions"] = [version.name for version in weights.versions]
        record_event(actor=user, action="inference.weights_removed", detail=detail)
        try:
            remove_artifact(weights.sha256, directory=settings.MODELS_DIR)
        except (ArtifactBusyError, OSError) as error:
            transaction.set_rollback(True)
            log.warning("weights_not_removed", sha256=weights.sha256, reason=type(error).__name__)
            return False
    return True


def _lock_users(sha256: str) -> QuerySet[ModelVersion]:
    """Nothing begins to need the file meanwhile: no route and no rollout names them, and no download of them begins."""
    mine = Q(sha256=sha256) | Q(engine_options__adapters__contains=[{"sha256": sha256}])
    return ModelVersion.objects.select_for_update().filter(mine).order_by("pk")


def purge_partials() -> int:
    """What a download left that nobody has gone on with for a day."""
    old = [path for pattern in _PARTIALS for path in settings.MODELS_DIR.glob(pattern) if _is_old(path)]
    for path in old:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(old)


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - PARTIAL_SECONDS
    except OSError:
        return False
