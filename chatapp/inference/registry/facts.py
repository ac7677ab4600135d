"""What a version's weights say of themselves, and how much memory they take: read once, when they are checked."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from chatapp.inference.artifacts import ArtifactError
from chatapp.inference.artifacts.gguf import CHAT_TEMPLATE, Header, read_header
from chatapp.inference.engine import ChatMessage, EngineError
from chatapp.inference.engine.errors import ChatTemplateError
from chatapp.inference.engine.estimate import MemoryNeed, estimate_memory
from chatapp.inference.engine.options import parse_options
from chatapp.inference.engine.template import ChatTemplate
from chatapp.inference.models import ModelVersion
from chatapp.inference.registry.file_types import FILE_TYPES

_MAX_WORD = 64


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """In bytes, for `slots` answers at once with all of it in the memory of the machine."""

    slots: int
    weights_bytes: int
    cache_bytes: int
    compute_bytes: int


@dataclass(frozen=True, slots=True)
class WeightFacts:
    size_bytes: int
    architecture: str
    quantization: str
    trained_context: int
    layers: int
    parameters: int
    memory: MemoryFacts

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def facts_of(version: ModelVersion) -> WeightFacts | None:
    """None while its weights were not looked at, and for what is not computed here."""
    if not version.facts:
        return None
    return WeightFacts(**{**version.facts, "memory": MemoryFacts(**version.facts["memory"])})


def estimate_for(version: ModelVersion) -> MemoryNeed | None:
    """On a worker without GPU, with as many slots as workers had when the weights were looked at."""
    facts = facts_of(version)
    if facts is None:
        return None
    memory = facts.memory
    return MemoryNeed(memory.weights_bytes, memory.cache_bytes, memory.compute_bytes, device_bytes=0)


def read_facts(version: ModelVersion, path: Path) -> WeightFacts:
    """Raises ArtifactError when the file is no model that writes."""
    return _facts(version, read_header(path), path)


def check_facts(version: ModelVersion, path: Path, facts: WeightFacts) -> None:
    """Raises ArtifactError with a sentence that says why the version cannot answer by that file, and what to do."""
    if facts.trained_context and version.context_tokens > facts.trained_context:
        raise ArtifactError(
            f"The version asks for {version.context_tokens:,} tokens of context and the model knows "
            f"{facts.trained_context:,}. Clone it with fewer."
        )
    _check_template(version, read_header(path))


def _facts(version: ModelVersion, header: Header, path: Path) -> WeightFacts:
    architecture = _word(header, "general.architecture")
    if _word(header, "general.type") == "adapter":
        raise ArtifactError("The file is a LoRA adapter. Name it among the engine options of a version of its model.")
    if _number(header, "split.count") > 1:
        raise ArtifactError("The file is one part of several. Join them with llama-gguf-split --merge first.")
    options = parse_options(version.engine_options, models=settings.MODELS_DIR)
    try:
        need = estimate_memory(
            path,
            slots=settings.INFERENCE_SLOTS,
            context_per_slot=version.context_tokens,
            gpu_layers=0,
            options=options,
        )
    except EngineError as error:
        raise ArtifactError(f"{error} Choose a file of a model that writes.") from error
    return WeightFacts(
        size_bytes=path.stat().st_size,
        architecture=architecture,
        quantization=FILE_TYPES.get(_number(header, "general.file_type"), ""),
        trained_context=_number(header, f"{architecture}.context_length"),
        layers=_number(header, f"{architecture}.block_count"),
        parameters=sum(_elements(tensor.shape) for tensor in header.tensors),
        memory=MemoryFacts(settings.INFERENCE_SLOTS, need.weights_bytes, need.cache_bytes, need.compute_bytes),
    )


def _check_template(version: ModelVersion, header: Header) -> None:
    """In a process of its own; see engine/template.py. Every prompt of the product has a system message."""
    own = header.metadata.get(CHAT_TEMPLATE)
    source = version.chat_template or parse_options(version.engine_options).chat_template or own
    if not isinstance(source, str) or not source:
        raise ArtifactError("The file has no chat template. Clone the version with one.")
    question: ChatMessage = {"role": "user", "content": "Is this a question?"}
    try:
        template = ChatTemplate(source, control_texts=(), bos="", eos="")
        try:
            rendered = template.render([{"role": "system", "content": "Be brief."}, question])
        finally:
            template.close()
    except ChatTemplateError as error:
        raise ArtifactError(f"{error} Clone the version with another template.") from error
    if question["content"] not in rendered:
        raise ArtifactError("The chat template leaves the question out. Clone the version with another template.")


def _word(header: Header, key: str) -> str:
    value = header.metadata.get(key)
    return value[:_MAX_WORD] if isinstance(value, str) and value.isprintable() else ""


def _number(header: Header, key: str) -> int:
    value = header.metadata.get(key)
    return value if type(value) is int and value > 0 else 0


def _elements(shape: tuple[int, ...]) -> int:
    count = 1
    for extent in shape:
        count *= extent
    return count
