"""How the packaged weights become model versions."""

from dataclasses import dataclass
from typing import Any

from chatapp.inference.catalog import ARTIFACTS, QWEN_0_5B, QWEN_1_5B, HubFile, PackageMirror, Source
from chatapp.inference.models import Provider

DEFAULT_MODELS = (QWEN_1_5B.name, QWEN_0_5B.name)
SCRIPTED = "scripted"
CONTEXT_TOKENS = 4096
# Answers are to repeat what documents say, so nothing is left to chance.
SAMPLING = {"temperature": 0.0}


@dataclass(frozen=True, slots=True)
class Card:
    quantization: str
    description: str


CARDS = {
    "qwen2.5-coder-1.5b-instruct-q4_k_m": Card("Q4_K_M", "The better answers; 2.0 GB of memory."),
    "qwen2.5-coder-0.5b-instruct-q4_k_m": Card("Q4_K_M", "Twice as fast, less exact; 0.8 GB of memory."),
    "smollm2-135m-instruct-q4_1": Card("Q4_1", "For tests of the plumbing; its answers are of no use."),
}


def describe_version(name: str) -> dict[str, Any]:
    """Arguments of `register_version`. Raises KeyError when no packaged weights have that name."""
    if name == SCRIPTED:
        return {
            "name": name,
            "provider": Provider.SCRIPTED,
            "context_tokens": CONTEXT_TOKENS,
            "description": "Numbered tokens at a given rate, for load and fault tests.",
        }
    artifact, card = ARTIFACTS[name], CARDS[name]
    return {
        "name": name,
        "provider": Provider.LLAMA_CPP,
        "sha256": artifact.sha256,
        "sources": [_as_json(source) for source in artifact.sources],
        "quantization": card.quantization,
        "licence": "Apache-2.0",
        "description": card.description,
        "context_tokens": CONTEXT_TOKENS,
        "sampling": SAMPLING,
    }


def _as_json(source: Source) -> dict[str, Any]:
    match source:
        case HubFile(repository, filename):
            return {"kind": "hugging_face", "repository": repository, "file": filename}
        case PackageMirror(parts):
            return {
                "kind": "packages",
                "parts": [{"requirement": part.requirement, "member": part.member} for part in parts],
            }
    raise TypeError(source)
