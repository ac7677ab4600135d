"""The program that renders one chat template, in a process of its own; see `template.py`.

Run by its path, so that it imports nothing of this project. It reads JSON lines: first the template, then for each
rendering its variables. It answers each with a JSON line: the text, or what is wrong.
"""

import json
import resource
import signal
import sys
from datetime import datetime
from typing import Any, NoReturn

from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

_MAX_MEMORY = 512 << 20
_MAX_CPU_SECONDS = 0.5
_MAX_ERROR_CHARACTERS = 300


class RefusedError(Exception):
    """The template refuses the messages, or tries what it must not."""


class _Sandbox(ImmutableSandboxedEnvironment):
    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        # Jinja's own is an undefined value, which prints as nothing and so hides the attempt.
        raise RefusedError(f"it may not read {attribute} of a {type(obj).__name__}")


def main() -> None:
    _limit_resources()
    template = None
    for line in sys.stdin.buffer:
        request = json.loads(line)
        # SIGPROF ends the process, whatever it is doing.
        signal.setitimer(signal.ITIMER_PROF, _MAX_CPU_SECONDS)
        try:
            if template is None:
                template = _environment().from_string(request)
                answer = {"text": ""}
            else:
                answer = {"text": template.render(request)}
        except MemoryError:
            answer = {"error": "it takes too much memory"}
        except RefusedError as error:
            answer = {"error": str(error)[:_MAX_ERROR_CHARACTERS]}
        except Exception as error:  # noqa: BLE001 (a template can raise whatever Python can)
            answer = {"error": f"{type(error).__name__}: {error}"[:_MAX_ERROR_CHARACTERS]}
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY, _MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one


def _environment() -> _Sandbox:
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _raise_exception(message: object) -> NoReturn:
    raise RefusedError(f"it refuses these messages: {message}")


def _strftime_now(pattern: str) -> str:
    return datetime.now().astimezone().strftime(pattern)


def _to_json(value: Any, indent: int | None = None) -> str:
    # Not Jinja's own: it escapes for HTML, which models were not trained on.
    return json.dumps(value, ensure_ascii=False, indent=indent)


if __name__ == "__main__":
    main()
