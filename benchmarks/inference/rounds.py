"""Runs one workload on all systems, round by round in turns, and takes the median of the rounds."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Protocol

from benchmarks.inference.chats import Answered, Chat
from benchmarks.inference.figures import Figures
from benchmarks.inference.local import LocalSystem, Setup, Steps
from benchmarks.inference.processes import busy_seconds, cpu_seconds, peak_memory_mib
from benchmarks.inference.server import LlamaServer
from benchmarks.inference.workloads import Workload

# Each way in which llama-server may be faster is tried in one round; the best one is measured.
_CACHES = (("--kv-unified",), ("--no-kv-unified",))
_DRAFTS = (
    ("--spec-type", "ngram-simple", "--spec-ngram-simple-size-n", "3", "--spec-ngram-simple-size-m", "{draft_tokens}"),
    ("--spec-type", "ngram-simple"),
    ("--spec-type", "ngram-mod"),
)


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


def run_workload(
    workload: Workload,
    setup: Setup,
    *,
    server: str | None,
    systems: Sequence[str],
    runs: int,
    note: Callable[[str], None],
) -> dict[str, Results]:
    """Systems wait idle while another one has its round, so what disturbs the machine disturbs all alike."""
    setup = replace(
        setup, slots=workload.slots, context_per_slot=workload.context_per_slot, public_text=workload.public_text
    )
    results: dict[str, Results] = {}
    with ExitStack() as stack:
        running: dict[str, System] = {}
        for name in systems:
            note(f"starting {name}")
            settings = _best_settings(name, workload, setup, server)
            results[name] = Results(" ".join(settings))
            running[name] = stack.enter_context(_started(name, setup, server, settings))
            # What is loaded or learnt once is no part of a round.
            running[name].play(workload.make())
        for number in range(runs):
            for name, system in running.items():
                results[name].rounds.append(_round(system, workload))
                note(f"round {number + 1} of {runs}, {name}: {_brief(results[name].rounds[-1])}")
    return results


def _best_settings(name: str, workload: Workload, setup: Setup, server: str | None) -> tuple[str, ...]:
    choices = list(_choices(name, setup))
    if len(choices) == 1:
        return choices[0]
    speeds = {}
    for settings in choices:
        with _started(name, setup, server, settings) as system:
            answers, _steps = system.play(workload.make())
            end = max(answer.pieces[-1] for answer in answers)
            speeds[settings] = sum(answer.tokens for answer in answers) / (
                end - min(answer.asked for answer in answers)
            )
    return max(speeds, key=lambda settings: speeds[settings])


def _choices(name: str, setup: Setup) -> Iterator[tuple[str, ...]]:
    if not name.startswith("llama-server"):
        yield (f"draft_tokens={setup.draft_tokens}",) if name == "engine with drafts" else ()
    elif name == "llama-server":
        yield from _CACHES
    else:
        for drafts in _DRAFTS:
            yield ("--kv-unified", *(part.format(draft_tokens=setup.draft_tokens) for part in drafts))


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


def _round(system: System, workload: Workload) -> Figures:
    chats = workload.make()
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


def _brief(figures: Figures) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
