"""What the scheduler needs of llama.cpp. It imports nothing of it, so a script can stand in for a model."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from chatapp.inference.engine.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of one sequence from `position` on. Each of the last `outputs` of them is to have an output."""

    sequence: int
    position: int
    tokens: list[int]
    outputs: int


class Outcome(Enum):
    DONE = "done"
    CACHE_FULL = "cache_full"  # nothing of the batch was kept
    FAILED = "failed"  # what was kept of the batch is not known


class Sampler(Protocol):
    """Chooses the tokens of one answer. It counts each chosen token as a part of the answer."""

    def choose(self, output: int) -> int:
        """The token that follows `output`, counted from 0 over all outputs of the newest batch.

        Raises `EngineError` when the model's numbers are of no use.
        """

    def free(self) -> None: ...


class Vocabulary(Protocol):
    @property
    def end_tokens(self) -> frozenset[int]: ...

    def piece(self, token: int) -> bytes:
        """The bytes of a token, which may be part of a character; none for control tokens."""


class Backend(Protocol):
    """Decodes batches, and keeps what was read of each sequence in `cells` places."""

    @property
    def cells(self) -> int: ...

    def decode(self, chunks: list[Chunk]) -> Outcome: ...

    def make_sampler(self, sampling: Sampling) -> Sampler: ...

    def truncate(self, sequence: int, length: int) -> bool:
        """Forget all but the first `length` tokens; False when this kind of model cannot do so in part."""

    def copy(self, *, source: int, target: int, length: int) -> None:
        """Let `target`, which is empty, begin with the first `length` tokens of `source`."""
