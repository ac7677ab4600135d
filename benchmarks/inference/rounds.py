"""Runs workloads on all systems, round by round in turns, and takes the median of the rounds."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Protocol

from benchmarks.inference.chats import Answered, Chat
from benchmarks.inference.figures import Figures, throughput
from benchmarks.inference.local import LocalSystem, Setup, Steps
from benchmarks.inference.processes import busy_seconds, cpu_seconds, peak_memory_mib
from benchmarks.inference.server import LlamaServer
from benchmarks.inference.workloads import Workload

# Each way in which llama-server may be faster is tried in one round of the first workload; the best one is measured.
_CACHES = (("--kv-unified",), ("--no-kv-unified",))
_DRAFTS = (
    ("--spec-type", "ngram-simple", "--spec-ngram-simple-size-n", "3", "--spec-ngram-simple-size-m", "{draft_tokens}"),
    ("--spec-type", "ngram-simple"),
    ("--spec-type", "ngram-mod"),
)
_WARM_UP_TOKENS = 4


class System(Protocol):
    pid: int

    def play(self, chats: Sequence[Chat]) -> tuple[list[Answered], Steps]: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Results:
    """`settings` are those that were best for the system; `rounds` one dictionary of figures each."""

    settings: str
    rounds: list[Figures] = field(default_factory=list)

    def medians(self) -> Figures:
        return {name: median(figures[name] for figures in self.rounds) for name in self.rounds[0]}

    def ratios_to(self, base: "Results") -> Figures:
        """The median of each round's own ratio: a machine that slows down between two rounds does not count in it."""
        pairs = list(zip(self.rounds, base.rounds, strict=True))
        common = [name for name in self.rounds[0] if all(theirs.get(name) for _ours, theirs in pairs)]
        return {name: median(ours[name] / theirs[name] for ours, theirs in pairs) for name in common}


class Runner:
    """Runs workloads with one setup. What was best for a system with several chats is kept for all workloads."""

    def __init__(self, setup: Setup, *, server: str | None, runs: int, note: Callable[[str], None]) -> None:
        self._setup = setup
        self._server = server
        self._runs = runs
        self._note = note
        self._best: dict[str, tuple[str, ...]] = {}

    def run(self, workload: Workload, systems: Sequence[str]) -> dict[str, Results]:
        """Systems wait idle while another one has its round, so what disturbs the machine disturbs all alike."""
        setup = replace(
            self._setup,
            slots=workload.slots,
            context_per_slot=workload.context_per_slot,
            public_text=workload.public_text,
        )
        results: dict[str, Results] = {}
        with ExitStack() as stack:
            running: dict[str, System] = {}
            for name in systems:
                settings = self._settings(name, workload, setup)
                self._note(f"{workload.name}: starting {name} {' '.join(settings)}")
                results[name] = Results(" ".join(settings))
                running[name] = stack.enter_context(_started(name, setup, self._server, settings))
                # What is loaded or read once is no part of a round.
                running[name].play([_shortened(workload.make()[0])])
                if workload.public_text:
                    running[name].play(workload.make())
            for number in range(self._runs):
                chats = workload.make()
                # Every second round begins with the last one, so that none gains where the machine becomes faster.
                for name in list(running)[:: 1 if number % 2 == 0 else -1]:
                    results[name].rounds.append(_round(running[name], workload, chats))
                    brief = _brief(results[name].rounds[-1])
                    self._note(f"{workload.name}: round {number + 1} of {self._runs}, {name}: {brief}")
        return results

    def _settings(self, name: str, workload: Workload, setup: Setup) -> tuple[str, ...]:
        if name in self._best:
            return self._best[name]
        choices = list(_choices(name, setup, cache=self._best.get("llama-server", _CACHES[0])))
        if len(choices) == 1:
            return choices[0]
        speeds = {}
        for settings in choices:
            with _started(name, setup, self._server, settings) as system:
                answers, _steps = system.play(workload.make())
            speeds[settings] = throughput(answers)["tokens_per_second"]
            self._note(f"{workload.name}: {name} {' '.join(settings)}: {speeds[settings]:.1f} tokens/s")
        best = max(speeds, key=lambda settings: speeds[settings])
        if workload.slots > 1:
            self._best[name] = best
        return best


def _choices(name: str, setup: Setup, *, cache: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not name.startswith("llama-server"):
        yield (f"draft_tokens={setup.draft_tokens}",) if name == "engine with drafts" else ()
    elif name == "llama-server":
        # One sequence is the same in both.
        yield from _CACHES if setup.slots > 1 else _CACHES[:1]
    else:
        for drafts in _DRAFTS:
            yield (*cache, *(part.format(draft_tokens=setup.draft_tokens) for part in drafts))


@contextmanager
def _started(name: str, setup: Setup, server: str | None, settings: Sequence[str]) -> Iterator[System]:
    system: System
    if name.startswith("llama-server"):
        if server is None:
            raise ValueError("There is no llama-server; name its path in LLAMA_SERVER.")
        system = LlamaServer(server, setup, arguments=settings)
    elif name == "llama":
        system = LocalSystem("llama", setup)
    else:
        system = LocalSystem("engine", setup if "drafts" in name else replace(setup, draft_tokens=0))
    try:
        yield system
    finally:
        system.close()


def _round(system: System, workload: Workload, chats: Sequence[Chat]) -> Figures:
    own, client, machine = cpu_seconds(system.pid), cpu_seconds(os.getpid()), busy_seconds()
    answers, steps = system.play(chats)
    own, client = cpu_seconds(system.pid) - own, cpu_seconds(os.getpid()) - client
    machine = busy_seconds() - machine
    figures = workload.measure(answers)
    tokens = sum(answer.tokens for answer in answers)
    figures |= {
        "cpu_seconds": own,
        "client_cpu_seconds": client,
        "others_cpu_seconds": max(0.0, machine - own - client),
        "peak_memory_mib": peak_memory_mib(system.pid),
        "reused_tokens": sum(answer.reused_tokens for answer in answers) / len(answers),
        "answer_tokens": tokens / len(answers),
    }
    if steps.seconds:
        figures["python_share"] = 1 - steps.decode_seconds / steps.seconds
    return figures


def _shortened(chat: Chat) -> Chat:
    return replace(chat, turns=[replace(chat.turns[0], answer_tokens=_WARM_UP_TOKENS)])


def _brief(figures: Figures) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
