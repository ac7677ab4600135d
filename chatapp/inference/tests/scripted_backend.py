"""A backend whose answers are computed from the text alone, and which watches the KV cache as llama.cpp would."""

import codecs
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chatapp.inference.engine.backend import Chunk, Outcome
from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.sampling import Sampling

END = 0
# Few letters, so that stop strings occur; and characters that are two tokens each.
PIECES = [b"", b"a", b"b", b"ab", b" ", b"\xc3", b"\xa9", b"\xf0\x9f", b"\x8e\x89"]
SECOND_HALVES = {5: 6, 7: 8}


@dataclass(frozen=True)
class Script:
    """The token that follows a text. A short `memory` makes answers that repeat themselves, so drafts come true."""

    memory: int
    seed: int

    def next_token(self, history: Sequence[int], *, ignore_eos: bool) -> int:
        number = zlib.crc32(bytes([self.seed, *history[-self.memory :]]))
        if history[-1] in SECOND_HALVES and number % 8:
            return SECOND_HALVES[history[-1]]
        return 1 + number % (len(PIECES) - 1) if ignore_eos or number % 16 else END

    def answer(self, prompt: Sequence[int], *, limit: int, ignore_eos: bool) -> list[int]:
        tokens = list(prompt)
        while len(tokens) < len(prompt) + limit:
            token = self.next_token(tokens, ignore_eos=ignore_eos)
            if token == END:
                break
            tokens.append(token)
        return tokens[len(prompt) :]


def text_of(tokens: Sequence[int]) -> str:
    """Half a character at the end is no text."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(b"".join(PIECES[token] for token in tokens))


@dataclass(eq=False)
class Cell:
    token: int
    owner: str


@dataclass
class ScriptedSampler:
    backend: "ScriptedBackend"
    ignore_eos: bool
    chosen: list[int] = field(default_factory=list)
    freed: bool = False

    def choose(self, output: int) -> int:
        assert not self.freed
        if self.backend.spoils_choice:
            self.backend.spoils_choice = False
            raise EngineError("The model's output is not a number.")
        history = self.backend.outputs[output]
        # Every token that a sampler chose counts for its penalties, so none may be thrown away.
        assert history[len(history) - len(self.chosen) :] == self.chosen
        token = self.backend.script.next_token(history, ignore_eos=self.ignore_eos)
        self.chosen.append(token)
        return token

    def free(self) -> None:
        assert not self.freed
        self.freed = True


@dataclass
class ScriptedBackend:
    """Keeps sequences of cells as llama.cpp does, and fails the test where llama.cpp would go wrong silently.

    `owner_of` says whose text a sequence reads. `faults` come true one by one with the next batches.
    """

    script: Script
    cells: int
    batch_size: int
    can_rewind: bool
    owner_of: Callable[[int], str]
    end_tokens: frozenset[int] = frozenset({END})
    faults: list[Outcome] = field(default_factory=list)
    spoils_choice: bool = False
    sequences: dict[int, list[Cell]] = field(default_factory=dict)
    outputs: list[list[int]] = field(default_factory=list)
    samplers: list[ScriptedSampler] = field(default_factory=list)

    def piece(self, token: int) -> bytes:
        return PIECES[token]

    def make_sampler(self, sampling: Sampling) -> ScriptedSampler:
        self.samplers.append(ScriptedSampler(self, sampling.ignore_eos))
        return self.samplers[-1]

    def tokens(self, sequence: int) -> list[int]:
        return [cell.token for cell in self.sequences.get(sequence, [])]

    def decode(self, chunks: list[Chunk]) -> Outcome:
        assert 0 < sum(len(chunk.tokens) for chunk in chunks) <= self.batch_size
        assert len({chunk.sequence for chunk in chunks}) == len(chunks)
        for chunk in chunks:
            # A position that is skipped or read twice would spoil the answer without an error.
            assert chunk.position == len(self.sequences.get(chunk.sequence, []))
            assert 0 <= chunk.outputs <= len(chunk.tokens)
            assert chunk.tokens
        fault = self.faults.pop(0) if self.faults else Outcome.DONE
        used = len({cell for held in self.sequences.values() for cell in held})
        if fault is Outcome.CACHE_FULL or used + sum(len(chunk.tokens) for chunk in chunks) > self.cells:
            return Outcome.CACHE_FULL
        self.outputs = []
        for chunk in chunks[: len(chunks) // 2] if fault is Outcome.FAILED else chunks:
            self._read(chunk)
        return fault

    def _read(self, chunk: Chunk) -> None:
        held = self.sequences.setdefault(chunk.sequence, [])
        held.extend(Cell(token, self.owner_of(chunk.sequence)) for token in chunk.tokens)
        history = self.tokens(chunk.sequence)
        self.outputs += [history[: len(history) - back] for back in reversed(range(chunk.outputs))]

    def truncate(self, sequence: int, length: int) -> bool:
        held = self.sequences.get(sequence, [])
        if not self.can_rewind and 0 < length < len(held):
            return False
        self.sequences[sequence] = held[:length]
        return True

    def copy(self, *, source: int, target: int, length: int) -> None:
        assert not self.sequences.get(target)
        assert length <= len(self.sequences[source])
        assert self.can_rewind or length == len(self.sequences[source])
        self.sequences[target] = self.sequences[source][:length]
