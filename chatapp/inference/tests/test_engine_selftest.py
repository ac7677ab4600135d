"""Real child processes: one that answers, and ones that really die."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import SMOLLM2_135M
from chatapp.inference.engine.options import Adapter, EngineOptions
from chatapp.inference.engine.selftest import COMMAND, Plan, SelfTestError, run_selftest
from chatapp.inference.engine.verdicts import find_working_options

# Stands where a build with a broken kernel for repacked weights would: it dies of what it is asked, as that one does.
_CRASHES_WHEN_REPACKED = """
import json, os, signal, sys
plan = json.load(sys.stdin)
open({log!r}, "a").write("run ")
if plan["options"]["extra_buffers"] is not False:
    sys.stderr.write("ggml_backend_amx_mul_mat: illegal tile\\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGSEGV)
"""
_CRASHES = "import os, signal; os.kill(os.getpid(), signal.SIGABRT)"


def child(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    path = tmp_path / "weights.gguf"
    path.write_bytes(b"GGUF")
    return Plan(path, slots=2, context_per_slot=256, gpu_layers=0, threads=None)


@pytest.fixture
def real(tmp_path: Path) -> Plan:
    """SmolLM2 in a folder of its own, where notes may be left."""
    path = ensure_artifact(SMOLLM2_135M, directory=default_directory(), report=lambda _progress: None)
    link = tmp_path / path.name
    link.symlink_to(path)
    return Plan(link, slots=2, context_per_slot=256, gpu_layers=0, threads=2)


def test_a_plan_survives_the_way_to_the_child(plan: Plan) -> None:
    full = replace(
        plan,
        options=EngineOptions(
            cache_type="q8_0", tensor_split=(1.0, 3.0), adapters=(Adapter(Path("/a.gguf"), 0.5),), extra_buffers=False
        ),
    )
    assert Plan.from_json(full.to_json()) == full


@pytest.mark.model
def test_a_sound_model_passes_and_is_not_tried_again(real: Plan) -> None:
    assert find_working_options(real) == real.options
    assert len(json.loads(real.path.with_suffix(".selftest.json").read_text())) == 1
    assert find_working_options(real, command=child(_CRASHES)) == real.options
    # Other settings are another question.
    with pytest.raises(SelfTestError, match="SIGABRT"):
        find_working_options(replace(real, slots=3), command=child(_CRASHES))


@pytest.mark.model
def test_what_the_engine_says_is_the_reason(real: Plan) -> None:
    with pytest.raises(SelfTestError, match="context_per_slot is 65,536") as caught:
        run_selftest(replace(real, context_per_slot=65536, slots=1))
    assert not caught.value.crashed


def test_a_damaged_file_is_named(plan: Plan) -> None:
    with pytest.raises(SelfTestError, match="too short to be a GGUF"):
        run_selftest(plan)


def test_after_a_crash_plain_weights_are_tried_and_remembered(plan: Plan, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = child(_CRASHES_WHEN_REPACKED.format(log=str(log)))
    for _start in range(2):
        assert find_working_options(plan, command=command).extra_buffers is False
    assert log.read_text() == "run run "


def test_a_crash_in_both_ways_names_signal_and_last_words(plan: Plan) -> None:
    code = "import os, signal, sys; sys.stderr.write('GGML_ASSERT failed\\n'); sys.stderr.flush(); " + _CRASHES
    with pytest.raises(SelfTestError, match="ended by SIGABRT: GGML_ASSERT failed"):
        find_working_options(plan, command=child(code))
    assert not plan.path.with_suffix(".selftest.json").exists()


def test_another_build_is_another_question(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    find_working_options(plan, command=child(""))
    find_working_options(plan, command=child(_CRASHES))
    monkeypatch.setattr("chatapp.inference.engine.verdicts.build_identity", lambda: "compiled anew")
    with pytest.raises(SelfTestError, match="SIGABRT"):
        find_working_options(plan, command=child(_CRASHES))


@pytest.mark.parametrize("note", ["", "[]", '{"x": [5]}', "\0"])
def test_a_spoilt_note_is_no_verdict(plan: Plan, note: str) -> None:
    plan.path.with_suffix(".selftest.json").write_text(note)
    with pytest.raises(SelfTestError):
        find_working_options(plan, command=child(_CRASHES))


def test_a_child_that_hangs_is_ended(plan: Plan) -> None:
    with pytest.raises(SelfTestError, match=r"within 0\.5 seconds"):
        run_selftest(plan, command=child("import time; time.sleep(60)"), time_limit=0.5)


def test_a_command_that_cannot_be_started_is_named(plan: Plan) -> None:
    with pytest.raises(SelfTestError, match="cannot be started: No such file"):
        run_selftest(plan, command=("/nowhere/python",))


def test_the_parent_loads_nothing_native() -> None:
    code = (
        "import sys; from chatapp.inference.engine.verdicts import find_working_options; "
        "from chatapp.inference.engine.build import build_identity, offers_gpu; build_identity(); offers_gpu(); "
        "sys.exit('llama_cpp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert COMMAND[0] == sys.executable
