"""Is a version what its record says, and can it answer? Whoever can becomes verified, with what was found."""

import time
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from chatapp.inference.artifacts import ArtifactBusyError, ArtifactError, ensure_artifact
from chatapp.inference.catalog import Artifact
from chatapp.inference.engine import EngineError
from chatapp.inference.models import DownloadState, ModelVersion, Provider, VersionState
from chatapp.inference.registry.facts import check_facts, read_facts
from chatapp.inference.registry.sources import sources_of
from chatapp.inference.registry.trial_calls import ask_once
from chatapp.inference.services.download_runs import LeaseLostError, Run, SliceOverError, claim_download
from chatapp.inference.services.states import change_state

log = structlog.get_logger(__name__)
_GIGABYTE = 10**9


def run_download(*, download_id: UUID) -> bool:
    """One slice of the work. Whether another one is to follow at once."""
    run = claim_download(download_id)
    if run is None:
        return False
    try:
        said = _look_at(run)
    except SliceOverError:
        run.release()
        return True
    except ArtifactBusyError:
        run.release()  # the sweeper looks again in a moment
    except LeaseLostError:
        log.info("download_lost", version=run.version.name)
    except (ArtifactError, EngineError) as error:
        run.end(DownloadState.FAILED, str(error))
    except OSError as error:
        run.end(DownloadState.FAILED, f"The store of models cannot be written: {error.strerror}. Look at its disk.")
    else:
        _finish(run, said)
    return False


def artifact_of(version: ModelVersion) -> Artifact:
    """Of at most MODEL_MAX_GB."""
    return Artifact(
        name=version.name,
        sha256=version.sha256,
        size_bytes=settings.MODEL_MAX_GB * _GIGABYTE,
        filename="model.gguf",
        sources=sources_of(version),
    )


def _look_at(run: Run) -> str:
    """What was found, in a sentence. Raises ArtifactError, EngineError, LeaseLostError, SliceOverError, OSError."""
    version = run.version
    if version.provider == Provider.SCRIPTED:
        return "The scripted model has nothing to fetch."
    if version.provider != Provider.LLAMA_CPP:
        run.renew(stage="asking", source="its endpoint")
        return ask_once(version)
    artifact = artifact_of(version)
    path = ensure_artifact(
        artifact, directory=settings.MODELS_DIR, report=run.report, stem=f"incoming-{version.pk}", is_patient=False
    )
    run.renew(stage="checking", source=path.name)
    # The only columns of a version's content that are written after its registration, each once.
    ModelVersion.objects.filter(pk=version.pk, sha256="", state=VersionState.DRAFT).update(sha256=path.stem)
    facts = read_facts(version, path)
    check_facts(version, path, facts)
    ModelVersion.objects.filter(pk=version.pk, sha256=path.stem, facts__isnull=True).update(facts=facts.as_dict())
    return (
        f"{facts.size_bytes / _GIGABYTE:.2f} GB of {facts.architecture}, sha256 {path.stem[:12]}…, are here and sound."
    )


@transaction.atomic
def _finish(run: Run, said: str) -> None:
    if not run.end(DownloadState.COMPLETE):
        return
    known = ModelVersion.objects.select_for_update().get(pk=run.version.pk)
    if known.state == VersionState.DRAFT:
        change_state(user=None, version=known, state=VersionState.VERIFIED, reason=said)


def read_missing_facts(*, limit: int = 2) -> int:
    """Of versions that came with the product or before facts were kept, where their weights are on this machine."""
    found = 0
    lacking = ModelVersion.objects.filter(provider=Provider.LLAMA_CPP, facts__isnull=True).exclude(sha256="")
    for version in lacking.exclude(state=VersionState.DRAFT).order_by("-created_at")[:20]:
        path = settings.MODELS_DIR / f"{version.sha256}.gguf"
        if found >= limit or not path.exists():
            continue
        started = time.monotonic()
        try:
            facts = read_facts(version, path)
        except (ArtifactError, EngineError) as error:
            log.info("facts_not_read", version=version.name, reason=str(error))
            continue
        ModelVersion.objects.filter(pk=version.pk, facts__isnull=True).update(facts=facts.as_dict())
        log.info("facts_read", version=version.name, seconds=round(time.monotonic() - started, 1))
        found += 1
    return found
