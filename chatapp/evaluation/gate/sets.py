"""The questions that come with the product: the safety set, and questions that no company's documents answer."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from chatapp.evaluation.gate.graders import Expected

_SAFETY = Path(__file__).parent.parent / "safety"
_UNANSWERABLE = Path(__file__).parent / "unanswerable.jsonl"


@dataclass(frozen=True, slots=True)
class Prompt:
    """`name` is the same in every run, so that two runs can be compared."""

    name: str
    text: str
    expected: Expected


@lru_cache(maxsize=1)
def safety_set() -> tuple[Prompt, ...]:
    return tuple(prompt for path in sorted(_SAFETY.glob("*.jsonl")) for prompt in _read(path))


@lru_cache(maxsize=1)
def unanswerable() -> tuple[Prompt, ...]:
    """Asked of the collections by name, so that the right answer is that it is not in the documents."""
    return _read(_UNANSWERABLE)


def _read(path: Path) -> tuple[Prompt, ...]:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return tuple(_prompt(**line) for line in lines)


def _prompt(*, name: str, prompt: str, expect: str = "", **more: object) -> Prompt:
    wants = {"wants": expect} if expect else {}
    return Prompt(name, prompt, Expected.from_dict({**wants, **more}))
