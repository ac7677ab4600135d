"""The engines of one worker process: loaded on demand, kept while the process lives."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings

from chatapp.inference.artifacts import ensure_artifact
from chatapp.inference.catalog import Artifact
from chatapp.inference.defaults import SYSTEM_PROMPT
from chatapp.inference.engine import ChatMessage, ChatModel, Engine, EngineError, StepReport
from chatapp.inference.metrics import ENGINE_BATCH_TOKENS, ENGINE_STEP
from chatapp.inference.models import ModelVersion, Provider
from chatapp.inference.testing import ScriptedModel

WAIT_SECONDS = 1.0
LOAD_SECONDS = 300
log = structlog.get_logger(__name__)


class EnginePool:
    """Thread-safe. A version is loaded once, in the background, while the others go on serving."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model-loader")
        self._engines: dict[UUID, Future[ChatModel]] = {}

    def prepare(self, version: ModelVersion) -> "Future[ChatModel]":
        """Starts loading unless the version is loaded or loading; a failed load is tried again."""
        with self._lock:
            known = self._engines.get(version.id)
            if known is None or (known.done() and known.exception() is not None):
                known = self._engines[version.id] = self._loader.submit(_load, version)
            return known

    def get(self, version: ModelVersion, *, waiting: Callable[[], None]) -> ChatModel:
        """The engine; `waiting` is called about once a second while the model loads. Raises EngineError."""
        future = self.prepare(version)
        for _ in range(LOAD_SECONDS):
            try:
                return future.result(timeout=WAIT_SECONDS if not future.done() else 0)
            except FutureTimeoutError:
                waiting()
        message = f"{version.name} was not loaded within {LOAD_SECONDS} s"
        raise EngineError(message)

    def loaded(self) -> dict[UUID, ChatModel]:
        with self._lock:
            done = {key: future for key, future in self._engines.items() if future.done()}
        return {key: future.result() for key, future in done.items() if future.exception() is None}

    def close(self) -> None:
        self._loader.shutdown(wait=False, cancel_futures=True)
        for engine in self.loaded().values():
            engine.close()


def can_serve(version: ModelVersion) -> bool:
    """Whether this machine has what the version needs."""
    if version.provider == Provider.SCRIPTED:
        return bool(settings.SCRIPTED_MODEL)
    return weights_path(version).exists()


def weights_path(version: ModelVersion) -> Path:
    return settings.MODELS_DIR / f"{version.sha256}.gguf"


def _load(version: ModelVersion) -> ChatModel:
    """Raises EngineError, ArtifactError or InvalidGGUFError: no file is mapped that was not checked."""
    log.info("model_loading", version=version.name)
    if version.provider == Provider.SCRIPTED:
        return ScriptedModel()
    path = _checked_weights(version)
    engine = Engine(
        path,
        slots=settings.INFERENCE_SLOTS,
        context_per_slot=version.context_tokens,
        gpu_layers=settings.INFERENCE_GPU_LAYERS,
        threads=settings.INFERENCE_THREADS,
        on_step=_measure_step,
    )
    system: ChatMessage = {"role": "system", "content": version.system_prompt or SYSTEM_PROMPT}
    engine.share_prefix(engine.render_chat([system]))
    log.info("model_loaded", version=version.name)
    return engine


def _measure_step(report: StepReport) -> None:
    ENGINE_STEP.observe(report.seconds)
    ENGINE_BATCH_TOKENS.observe(report.batch_tokens)


def _checked_weights(version: ModelVersion) -> Path:
    """The file whose name is the hash, after its content has been found to have that hash and a sound header."""
    path = weights_path(version)
    if not path.exists():
        message = f"the weights of {version.name} are not in {settings.MODELS_DIR}"
        raise EngineError(message)
    artifact = Artifact(version.name, version.sha256, path.stat().st_size, path.name, sources=())
    return ensure_artifact(artifact, directory=settings.MODELS_DIR, report=lambda _: None)
