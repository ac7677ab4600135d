import json
import signal
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatapp.accounts.models import User
from chatapp.accounts.selectors import get_user_by_name
from chatapp.errors import ChatappError
from chatapp.evaluation import services
from chatapp.evaluation.gate.report import lines_of, report_of
from chatapp.evaluation.models import GateRun, GateState, Suite
from chatapp.evaluation.tasks import measure_gate
from chatapp.inference.models import ModelVersion, WorkerKind
from chatapp.inference.selectors import get_version_by_name, has_ready_worker

PASSED, FAILED, NOT_RUN = 0, 1, 2
STEP_SECONDS = 1.0
SAY_SECONDS = 5.0
MAX_MARKS_BYTES = 100_000


class Command(BaseCommand):
    help = (
        "Run the release gate of a model version by the workers that run, wait for its end and print the report. "
        "Exit code: 0 passed, 1 not passed, 2 could not be run."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", help="its name")
        parser.add_argument("--gate", action="store_true", required=True, help="run the release gate")
        parser.add_argument("--marks", type=Path, help='a JSON file, such as {"facts": 0.9}, over the company\'s marks')
        parser.add_argument("--suite", action="append", choices=Suite.values, help="only this one; may be repeated")
        parser.add_argument("--worker", default="", help="where the load test shall run, as the workers page names it")
        parser.add_argument(
            "--as", dest="asker", default="", help="who asks; without it whoever registered the version"
        )
        parser.add_argument("--timeout", type=int, default=120, help="minutes after which it is cancelled")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            run = self._run(options)
        except ChatappError as error:
            raise CommandError(error.message, returncode=NOT_RUN) from None
        if options["json"]:
            self.stdout.write(json.dumps(report_of(run), indent=2))
        else:
            for line in lines_of(run):
                self.stdout.write(line)
        if run.state != GateState.COMPLETE:
            raise CommandError(run.error or f"The gate was {run.state}.", returncode=NOT_RUN)
        if not run.passed:
            raise CommandError(f"{run.version.name} has not passed the gate {run.pk}.", returncode=FAILED)
        self.stderr.write(f"{run.version.name} has passed the gate {run.pk}.")

    def _run(self, options: dict[str, Any]) -> GateRun:
        """Raises ChatappError, CommandError."""
        version = get_version_by_name(options["version"])
        user = _asker(options["asker"], version)
        if not has_ready_worker(WorkerKind.INFERENCE):
            message = "No inference worker is ready: start the product first."
            raise CommandError(message, returncode=NOT_RUN)
        run = services.run_gate(
            user=user,
            version=version,
            marks=_read_marks(options["marks"]),
            suites=options["suite"],
            worker=options["worker"],
        )
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # How CI ends a job that it gave up.
        try:
            self._wait(run, until=time.monotonic() + 60 * options["timeout"])
        except KeyboardInterrupt:
            message = "The gate was cancelled."
            raise CommandError(message, returncode=NOT_RUN) from None
        finally:
            signal.signal(signal.SIGTERM, before)
            _cancel(user, run)
        return run

    def _wait(self, run: GateRun, *, until: float) -> None:
        """Takes the steps itself, so that it needs no beat. Raises CommandError."""
        said = 0.0
        while run.is_live:
            if services.continue_gate(run_id=run.pk):
                measure_gate.apply_async((str(run.pk),), expires=5)
            run.refresh_from_db()
            if time.monotonic() - said > SAY_SECONDS:
                said = time.monotonic()
                self.stderr.write(f"{run.done} of {run.total}")
            if time.monotonic() > until:
                message = "The gate took too long and was cancelled."
                raise CommandError(message, returncode=NOT_RUN)
            time.sleep(STEP_SECONDS)


def _asker(name: str, version: ModelVersion) -> User:
    """Raises CommandError."""
    user = get_user_by_name(name) if name else version.created_by
    if user is None or not user.is_active:
        message = f"There is no active user named {name}." if name else "Say with --as who asks."
        raise CommandError(message, returncode=NOT_RUN)
    return user


def _cancel(user: User, run: GateRun) -> None:
    run.refresh_from_db()
    if run.is_live:
        services.cancel_gate(user=user, run=run)


def _read_marks(path: Path | None) -> dict[str, Any]:
    """Raises CommandError."""
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            marks = json.loads(file.read(MAX_MARKS_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        message = f"{path} cannot be read as JSON ({type(error).__name__})."
        raise CommandError(message, returncode=NOT_RUN) from None
    if not isinstance(marks, dict):
        message = f"{path} must hold a JSON object."
        raise CommandError(message, returncode=NOT_RUN)
    return marks
