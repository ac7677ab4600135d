"""The parts of an engine, sized for each other."""

from dataclasses import dataclass
from pathlib import Path

from chatapp.inference.engine.context import Context
from chatapp.inference.engine.cpus import default_threads
from chatapp.inference.engine.drafts import Drafts
from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.model import Model
from chatapp.inference.engine.options import EngineOptions
from chatapp.inference.engine.scheduler import Scheduler
from chatapp.inference.engine.slots import Slots
from chatapp.inference.engine.template import ChatTemplate

_BATCH_ON_CPU = 512
_BATCH_ON_GPU = 2048
# How many answers one batch can check long drafts of.
_MOST_DRAFTING = 4


@dataclass(frozen=True, slots=True)
class Parts:
    model: Model
    template: ChatTemplate | None
    context: Context
    scheduler: Scheduler


def assemble(
    path: Path,
    *,
    slots: int,
    context_per_slot: int,
    gpu_layers: int,
    threads: int | None,
    cache_tokens: int | None,
    options: EngineOptions,
) -> Parts:
    """Load the model and make a context for it; see `Engine`. Raises `EngineError`, and then holds nothing."""
    cells = cache_tokens or slots * context_per_slot
    model = Model(path, gpu_layers=gpu_layers, options=options)
    try:
        _check_sizes(model, slots=slots, context_per_slot=context_per_slot, cells=cells)
        template = _load_template(model)
        batch_size = max(_BATCH_ON_GPU if model.on_gpu else _BATCH_ON_CPU, 2 * slots)
        # Refused drafts must be taken back.
        draft_tokens = options.draft_tokens if model.can_rewind else 0
        draft_room = draft_tokens * min(slots, _MOST_DRAFTING)
        context = Context(
            model,
            cells=cells,
            sequences=slots,
            outputs=slots + draft_room,
            shares_cells=cache_tokens is not None,
            batch_size=batch_size,
            threads=threads or default_threads(),
            options=options,
        )
    except EngineError:
        model.free()
        raise
    scheduler = Scheduler(
        model,
        context,
        Slots(context, count=slots, can_rewind=model.can_rewind),
        batch_size=batch_size,
        drafts=Drafts(longest=draft_tokens, room=draft_room),
    )
    return Parts(model, template, context, scheduler)


def _check_sizes(model: Model, *, slots: int, context_per_slot: int, cells: int) -> None:
    if slots < 1 or context_per_slot < 2 or cells < context_per_slot:
        raise EngineError("An engine needs at least one slot, and a cache that holds one slot's context.")
    if context_per_slot > model.trained_context:
        raise EngineError(
            f"context_per_slot is {context_per_slot:,}; the model knows {model.trained_context:,} tokens."
        )


def _load_template(model: Model) -> ChatTemplate | None:
    source = model.chat_template()
    if source is None:
        return None
    return ChatTemplate(source, control_texts=model.control_texts, bos=model.bos, eos=model.eos)
