"""`manage.py evaluate VERSION --gate`: the exit codes and the report that CI reads."""

import json
import os
import signal
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.evaluation.models import GateResult, GateRun, GateState
from chatapp.evaluation.tests.gating import answer_queued, make_handbook, perfect
from chatapp.inference.models import Route, Worker, WorkerKind
from tests.versions import make_version

pytestmark = pytest.mark.django_db
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def says() -> dict[str, Any]:
    """What the version answers; a test may change it."""
    return {"answer": perfect}


@pytest.fixture
def run(ada: User, oscar: User, monkeypatch: pytest.MonkeyPatch, says: dict[str, Any], settings: Any) -> Run:
    """Runs the command beside a worker that answers between its looks; returns exit code, stdout and stderr."""
    oscar.groups.add(Group.objects.get_or_create(name="staff")[0])
    Route.objects.create(name=Route.DEFAULT, version=make_version("serving"))
    make_version("candidate", created_by=oscar)
    make_handbook(ada)
    now = timezone.now()
    Worker.objects.create(name="w", kind=WorkerKind.INFERENCE, started_at=now, seen_at=now, ready=True)

    def work(_: float) -> None:
        for live in GateRun.objects.filter(state__in=["queued", "running"]):
            answer_queued(live, says["answer"])

    monkeypatch.setattr("time.sleep", work)

    def call(*arguments: str) -> tuple[int, str, str]:
        out, err = StringIO(), StringIO()
        try:
            call_command("evaluate", *arguments, stdout=out, stderr=err)
        except CommandError as error:
            return error.returncode, out.getvalue(), str(error)
        return 0, out.getvalue(), err.getvalue()

    return call


ARGUMENTS = ("candidate", "--gate", "--suite", "golden", "--suite", "refusal")


def test_passed_is_0_and_the_report_names_each_mark(run: Run) -> None:
    code, out, err = run(*ARGUMENTS)
    assert code == 0
    assert "ok    Right facts: 1, at least 0.8" in out
    assert "has passed the gate" in err


def test_not_passed_is_1_with_the_report_as_json(run: Run, says: dict[str, Any], tmp_path: Path) -> None:
    def wrong(result: GateResult) -> tuple[str, list[str]]:
        return ("You get 30 days.", ["leave.md"]) if result.suite == "golden" else (perfect(result)[0], [])

    says["answer"] = wrong
    code, out, err = run(*ARGUMENTS, "--json")
    report = json.loads(out)
    assert (code, report["passed"], report["status"]) == (1, False, "complete")
    assert {mark["name"]: mark["passed"] for mark in report["marks"]} == {
        "facts": False,
        "citations": True,
        "refusals": True,
        "judged": None,
        "errors": True,
    }
    assert "has not passed" in err
    marks = tmp_path / "marks.json"
    marks.write_text('{"facts": 0}')
    assert run(*ARGUMENTS, "--marks", str(marks))[0] == 0


def test_what_cannot_be_run_is_2(run: Run, alice: User, tmp_path: Path) -> None:
    broken = tmp_path / "marks.json"
    broken.write_text("[1]")
    for arguments, said in (
        (("none", "--gate"), "none"),
        ((*ARGUMENTS, "--as", "nobody"), "no active user"),
        ((*ARGUMENTS, "--as", "alice"), "may not"),
        ((*ARGUMENTS, "--marks", str(tmp_path / "gone.json")), "cannot be read"),
        ((*ARGUMENTS, "--marks", str(broken)), "JSON object"),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert said in err
    Worker.objects.all().delete()
    code, _, err = run(*ARGUMENTS)
    assert (code, "No inference worker" in err) == (2, True)
    assert not GateRun.objects.exists()


def test_one_that_takes_too_long_is_cancelled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    code, _, err = run(*ARGUMENTS, "--timeout", "0")
    assert (code, "took too long" in err) == (2, True)
    assert GateRun.objects.get().state == GateState.CANCELLED


def test_one_whose_job_is_ended_is_cancelled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("time.sleep", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    code, _, err = run(*ARGUMENTS)
    assert (code, "was cancelled" in err) == (2, True)
    assert GateRun.objects.get().state == GateState.CANCELLED
    assert signal.getsignal(signal.SIGTERM) == before


def test_without_the_flag_it_says_what_it_needs(run: Run) -> None:
    with pytest.raises(CommandError, match="--gate"):
        call_command("evaluate", "candidate")
