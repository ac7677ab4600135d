"""The product's own processes: their command lines and environments."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from chatapp.runtime.files import CHECKOUT, make_private_folder
from chatapp.runtime.linux import yield_to_others
from chatapp.runtime.options import Options
from chatapp.runtime.process import Program

LEAVE_SECONDS = 6  # What a program gets to end itself, after the drain of its answers.
_PIPELINE_THREADS = 4


def list_programs(options: Options, *, home: Path) -> list[Program]:
    web = ("chatapp.web", "--host", options.host, "--port", str(options.port))
    inference = _worker("inference", queues="inference", threads=options.inference_slots)
    pipeline = _worker("pipeline", queues="lookup,pipeline", threads=_PIPELINE_THREADS)
    beat = (
        *("celery", "-A", "chatapp", "beat", "--loglevel", "INFO", "--pidfile="),
        *("-S", "celery.beat:PersistentScheduler", "-s", str(home / "beat-schedule")),
    )
    _empty_metrics_folder(home)
    cores = os.cpu_count() or 1
    # llama.cpp is told its own number of threads; this bounds torch, which runs beside it.
    return [
        _program("web", web, home=home, torch_threads=1),
        _program("inference", inference, home=home, torch_threads=max(1, cores // 2)),
        _program("pipeline", pipeline, home=home, torch_threads=max(1, cores // 2)),
        # Readiness waits for the other three, which load for seconds at the same time on few cores.
        replace(_program("beat", beat, home=home, torch_threads=1), become=yield_to_others),
    ]


def python_command(*arguments: str) -> tuple[str, ...]:
    """The interpreter by its path in the checkout's environment, which is what `ps` then shows."""
    return (sys.executable, "-m", *arguments)


def child_environment(home: Path, **extra: str) -> dict[str, str]:
    return {**os.environ, "CHATAPP_HOME": str(home), "DJANGO_SETTINGS_MODULE": "chatapp.settings", **extra}


def _empty_metrics_folder(home: Path) -> None:
    """Counters begin at zero with the instance, as those of a single process do."""
    for left in make_private_folder(home / "metrics").glob("*.db"):
        left.unlink()


def _worker(name: str, *, queues: str, threads: int) -> tuple[str, ...]:
    return (
        *("celery", "-A", "chatapp", "worker", "-P", "threads", "-c", str(threads), "-Q", queues),
        *("-n", f"{name}@%h", "--loglevel", "INFO", "--without-mingle", "--without-gossip"),
    )


def _program(name: str, arguments: tuple[str, ...], *, home: Path, torch_threads: int) -> Program:
    environment = child_environment(
        home,
        OMP_NUM_THREADS=str(torch_threads),
        TOKENIZERS_PARALLELISM="false",
        MALLOC_ARENA_MAX="2",  # glibc keeps an arena per thread, which costs a threaded worker memory for nothing
        PROMETHEUS_MULTIPROC_DIR=str(home / "metrics"),  # the web process answers /metrics for all of them
        PYTHONUNBUFFERED="1",
    )
    return Program(
        name=name,
        command=python_command(*arguments),
        log=home / "log" / f"{name}.log",
        folder=CHECKOUT,
        environment=environment,
    )
