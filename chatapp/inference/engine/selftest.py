"""Whether a model works here, tried out by a child process: a native crash must not end a worker that answers people.

`python -m chatapp.inference.engine.selftest` reads a `Plan` as JSON, loads the model, reads about 64 tokens and
writes 8.
"""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.options import Adapter, EngineOptions

TIME_LIMIT_SECONDS = 300
COMMAND = (sys.executable, "-m", "chatapp.inference.engine.selftest")
_TEXT = "The quick brown fox jumps over the lazy dog. " * 7
_TOKENS_WRITTEN = 8
_LINES_SHOWN = 3
_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """How an engine will be made."""

    path: Path
    slots: int
    context_per_slot: int
    gpu_layers: int
    threads: int | None
    options: EngineOptions = field(default_factory=EngineOptions)

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        values = json.loads(text)
        options = values.pop("options")
        options["adapters"] = tuple(Adapter(Path(item["path"]), item["scale"]) for item in options["adapters"])
        options["tensor_split"] = tuple(options["tensor_split"])
        return cls(path=Path(values.pop("path")), options=EngineOptions(**options), **values)


class SelfTestError(EngineError):
    """`crashed` tells a process that was ended by a signal from one that said what is wrong."""

    def __init__(self, reason: str, *, crashed: bool = False) -> None:
        super().__init__(reason)
        self.crashed = crashed


def run_selftest(plan: Plan, *, command: Sequence[str] = COMMAND, time_limit: float = TIME_LIMIT_SECONDS) -> None:
    """Returns when the model has answered. Raises SelfTestError."""
    try:
        done = subprocess.run(
            command,
            input=plan.to_json(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SelfTestError(f"The self-test did not end within {time_limit:g} seconds.") from None
    except OSError as error:
        raise SelfTestError(f"The self-test cannot be started: {error.strerror}.") from error
    if done.returncode < 0:
        raise SelfTestError(f"The self-test was ended by {_name(-done.returncode)}{_tail(done.stderr)}", crashed=True)
    if done.returncode > 0:
        raise SelfTestError(done.stdout.strip()[-_LONGEST_LINE:] or f"The self-test failed{_tail(done.stderr)}")


def _name(signum: int) -> str:
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"


def _tail(stderr: str) -> str:
    lines = [line.strip()[:_LONGEST_LINE] for line in stderr.splitlines() if line.strip()]
    return f": {' / '.join(lines[-_LINES_SHOWN:])}" if lines else "."


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    signal.alarm(TIME_LIMIT_SECONDS)  # when whoever waits for it has died
    plan = Plan.from_json(sys.stdin.read())
    try:
        _try_out(plan)
    except EngineError as error:
        sys.stdout.write(str(error))
        return 1
    return 0


def _try_out(plan: Plan) -> None:
    from chatapp.inference.engine.engine import Engine

    engine = Engine(
        plan.path,
        slots=plan.slots,
        context_per_slot=plan.context_per_slot,
        gpu_layers=plan.gpu_layers,
        threads=plan.threads,
        options=plan.options,
    )
    sampling = {"temperature": 0.0, "ignore_eos": True}
    stream = engine.submit(_TEXT, max_tokens=_TOKENS_WRITTEN, sampling=sampling)
    for _piece in stream:
        pass
    engine.close()
    if stream.usage.completion_tokens != _TOKENS_WRITTEN:
        raise EngineError(f"The model wrote {stream.usage.completion_tokens} of {_TOKENS_WRITTEN} tokens.")


if __name__ == "__main__":
    sys.exit(main())
