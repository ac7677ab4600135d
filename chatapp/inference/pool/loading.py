"""From a version's record to a model that answers."""

import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from typing import Protocol

import structlog
from django.db import DatabaseError

from chatapp.inference.defaults import SYSTEM_PROMPT
from chatapp.inference.engine import ChatMessage, ChatModel, EngineError, PromptTooLongError, StepReport
from chatapp.inference.engine.estimate import MemoryNeed
from chatapp.inference.engine.selftest import Plan
from chatapp.inference.engine.verdicts import find_working_options
from chatapp.inference.metrics import ENGINE_BATCH_TOKENS, ENGINE_STEP, MODEL_LOAD
from chatapp.inference.models import ModelVersion, Provider
from chatapp.inference.pool.needs import NotNowError, make_plan
from chatapp.inference.pool.room import estimate_for
from chatapp.inference.providers import open_provider
from chatapp.inference.testing import ScriptedModel

WAIT_SECONDS = 1.0
LOAD_SECONDS = 600
MakeRoom = Callable[[MemoryNeed], None]
log = structlog.get_logger(__name__)


class Loader(Protocol):
    def __call__(self, version: ModelVersion, *, make_room: MakeRoom) -> ChatModel:
        """Raises EngineError. `make_room` frees memory for a model, or raises."""


def load_model(version: ModelVersion, *, make_room: MakeRoom) -> ChatModel:
    """See `Loader`. No file is mapped that was not checked, and no model is loaded that a child has not tried out."""
    started = time.monotonic()
    log.info("model_loading", version=version.name)
    if version.provider == Provider.SCRIPTED:
        model: ChatModel = ScriptedModel()
    elif version.provider == Provider.LLAMA_CPP:
        plan = make_plan(version)
        make_room(estimate_for(plan))
        model = _load_engine(version, plan)
    else:
        model = open_provider(version)
    seconds = time.monotonic() - started
    MODEL_LOAD.observe(seconds)
    log.info("model_loaded", version=version.name, seconds=round(seconds, 1))
    return model


def try_to_load(load: Loader, version: ModelVersion, *, make_room: MakeRoom) -> ChatModel | EngineError:
    """The model, or why there is none, whatever it was."""
    try:
        return load(version, make_room=make_room)
    except EngineError as error:
        return error
    except DatabaseError as error:
        return NotNowError(f"The database does not answer ({type(error).__name__}).")
    except Exception as error:
        log.exception("model_load_failed", version=version.name)
        return EngineError(f"It cannot be loaded ({type(error).__name__}).")


def wait_for(future: "Future[ChatModel]", version: ModelVersion, *, waiting: Callable[[], None]) -> ChatModel:
    """`waiting` is called about once a second. Raises EngineError, and what `waiting` raises."""
    for _ in range(LOAD_SECONDS):
        try:
            return future.result(timeout=WAIT_SECONDS)
        except TimeoutError:
            waiting()
        except CancelledError:
            raise EngineError("The worker is stopping.") from None
    raise EngineError(f"{version.name} was not loaded within {LOAD_SECONDS} seconds.")


def _load_engine(version: ModelVersion, plan: Plan) -> ChatModel:
    engine = replace(plan, options=find_working_options(plan)).open(on_step=_measure_step)
    system: ChatMessage = {"role": "system", "content": version.system_prompt or SYSTEM_PROMPT}
    try:
        engine.share_prefix(engine.render_chat([system]))
    except PromptTooLongError as error:
        log.warning("prefix_not_shared", version=version.name, reason=str(error))
    return engine


def _measure_step(report: StepReport) -> None:
    ENGINE_STEP.observe(report.seconds)
    ENGINE_BATCH_TOKENS.observe(report.batch_tokens)
