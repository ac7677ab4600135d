"""From a version's record to a model that answers."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import structlog

from chatapp.inference.defaults import SYSTEM_PROMPT
from chatapp.inference.engine import ChatMessage, ChatModel, PromptTooLongError, StepReport
from chatapp.inference.engine.estimate import MemoryNeed
from chatapp.inference.engine.selftest import Plan
from chatapp.inference.engine.verdicts import find_working_options
from chatapp.inference.metrics import ENGINE_BATCH_TOKENS, ENGINE_STEP, MODEL_LOAD
from chatapp.inference.models import ModelVersion, Provider
from chatapp.inference.pool.needs import make_plan
from chatapp.inference.pool.room import estimate_for
from chatapp.inference.providers import open_provider
from chatapp.inference.testing import ScriptedModel

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
