"""The systems that are Python libraries, each in a process of its own together with its clients."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from benchmarks.inference.chats import Answered, Ask, Chat, Totals, play

_END_OF_TEXT_NEVER = {"temperature": 0, "ignore_eos": True}


@dataclass(frozen=True, slots=True)
class Setup:
    """What every system is started with. `public_text` may be reused between all chats."""

    path: Path
    threads: int
    slots: int
    context_per_slot: int
    draft_tokens: int
    gpu_layers: int = 0
    public_text: str = ""


@dataclass(frozen=True, slots=True)
class Steps:
    """Seconds of the steps in which all slots were at work: the whole, and llama.cpp's part."""

    seconds: float = 0.0
    decode_seconds: float = 0.0


class LocalSystem:
    """`kind` is the engine of this project, or the high-level `Llama` behind a lock."""

    def __init__(self, kind: Literal["engine", "llama"], setup: Setup) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(kind, setup, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.pid: int = self._process.pid or 0
        # Ready when it answers.
        self._connection.recv()

    def play(self, chats: Sequence[Chat]) -> tuple[list[Answered], Steps]:
        self._connection.send(chats)
        answers, steps = self._connection.recv()
        return answers, steps

    def close(self) -> None:
        self._connection.send(None)
        self._process.join()


def _serve(kind: str, setup: Setup, connection: Connection) -> None:
    reports: list[Any] = []
    ask, close = _engine(setup, reports) if kind == "engine" else _locked_llama(setup)
    connection.send("ready")
    while chats := connection.recv():
        reports.clear()
        answers = play(chats, ask)
        full = [report for report in reports if report.slots_busy == setup.slots]
        steps = Steps(sum(report.seconds for report in full), sum(report.decode_seconds for report in full))
        connection.send((answers, steps))
    close()


def _engine(setup: Setup, reports: list[Any]) -> tuple[Ask, Callable[[], None]]:
    from chatapp.inference.engine import Engine, EngineOptions

    engine = Engine(
        setup.path,
        slots=setup.slots,
        context_per_slot=setup.context_per_slot,
        gpu_layers=setup.gpu_layers,
        threads=setup.threads,
        on_step=reports.append,
        options=EngineOptions(draft_tokens=setup.draft_tokens),
    )
    if setup.public_text:
        engine.share_prefix(setup.public_text)
        while engine.stats().cached_tokens < engine.count_tokens(setup.public_text):
            time.sleep(0.05)

    def ask(prompt: str, tokens: int, scope: str, totals: Totals) -> Generator[str, None, None]:
        stream = engine.submit(prompt, max_tokens=tokens, sampling=_END_OF_TEXT_NEVER, cache_scope=scope)
        try:
            yield from stream
        finally:
            stream.cancel()
            totals.tokens, totals.reused_tokens = stream.usage.completion_tokens, stream.usage.reused_tokens

    return ask, engine.close


def _locked_llama(setup: Setup) -> tuple[Ask, Callable[[], None]]:
    """`Llama` keeps one sequence, so chats take turns."""
    from llama_cpp import Llama

    llama = Llama(
        str(setup.path),
        n_ctx=setup.context_per_slot,
        n_threads=setup.threads,
        n_threads_batch=setup.threads,
        n_gpu_layers=setup.gpu_layers,
        verbose=False,
    )
    never = {llama.token_eos(): float("-inf")}
    lock = threading.Lock()

    def ask(prompt: str, tokens: int, scope: str, totals: Totals) -> Generator[str, None, None]:
        del scope
        with lock:
            chunks = llama.create_completion(prompt, max_tokens=tokens, temperature=0.0, logit_bias=never, stream=True)
            for chunk in chunks:
                yield chunk["choices"][0]["text"]  # type: ignore[index]  # a stream gives chunks, never a string
        totals.tokens = tokens

    return ask, llama.close
