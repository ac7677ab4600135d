"""Whether a model works here, tried out by a child process: a native crash must not end a worker that answers people.

`python -m chatapp.inference.engine.selftest` reads a `Plan` as JSON, loads the model, reads about 64 tokens and
writes 8.
"""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.options import Adapter, EngineOptions
from chatapp.inference.engine.types import StepReport

if TYPE_CHECKING:
    from chatapp.inference.engine.engine import Engine

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

    def open(self, *, on_step: Callable[[StepReport], None] | None = None) -> "Engine":
        """Raises EngineError. Only here llama.cpp is imported: a build that does not work may end the process."""
        from chatapp.inference.engine.engine import Engine

        return Engine(
            self.path,
            slots=self.slots,
            context_per_slot=self.context_per_slot,
            gpu_layers=self.gpu_layers,
            threads=self.threads,
            on_step=on_step,
            options=self.options,
        )

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
    engine = plan.open()
    sampling = {"temperature": 0.0, "ignore_eos": True}
    stream = engine.submit(_TEXT, max_tokens=_TOKENS_WRITTEN, sampling=sampling)
    for _piece in stream:
        pass
    engine.close()
    if stream.usage.completion_tokens != _TOKENS_WRITTEN:
        raise EngineError(f"The model wrote {stream.usage.completion_tokens} of {_TOKENS_WRITTEN} tokens.")


if __name__ == "__main__":
    sys.exit(main())
