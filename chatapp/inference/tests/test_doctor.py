import json
from dataclasses import replace
from pathlib import Path

import pytest

from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import SMOLLM2_135M
from chatapp.inference.doctor import __main__ as doctor
from chatapp.inference.doctor import machine as machine_module
from chatapp.inference.doctor.advice import advise
from chatapp.inference.doctor.findings import find
from chatapp.inference.doctor.machine import Gpu, Machine, examine
from chatapp.inference.engine import EngineError

GB = 1_000_000_000
CPU = Machine(
    version="0.3.36",
    processor="Example",
    processor_features=["avx2", "fma", "f16c"],
    build_features=["AVX2", "FMA", "F16C", "REPACK"],
    threads=8,
    cores=8,
    memory_free=64 * GB,
    can_offload=False,
    gpus=[],
    has_nvidia_gpu=False,
    wait_policy="passive",
)
GPU = replace(CPU, can_offload=True, has_nvidia_gpu=True, gpus=[Gpu("CUDA0", "Example GPU", 24 * GB, 24 * GB)])


@pytest.fixture(scope="session")
def weights() -> Path:
    return ensure_artifact(SMOLLM2_135M, directory=default_directory(), report=lambda _progress: None)


def warnings(machine: Machine) -> str:
    return " ".join(finding.text for finding in find(machine) if finding.level == "warning")


def test_nothing_is_wrong_with_a_plain_machine() -> None:
    assert warnings(CPU) == warnings(GPU) == ""


@pytest.mark.parametrize(
    "machine,warning",
    [
        (replace(CPU, has_nvidia_gpu=True), "CHATAPP_CUDA=1"),
        (replace(CPU, has_nvidia_gpu=True, can_offload=True), "check the driver"),
        (replace(CPU, processor_features=["avx2", "avx512f"]), "has AVX512, which"),
        (replace(CPU, build_features=["AVX2", "FMA", "F16C", "AMX_INT8"]), "GCC before 13"),
        (replace(CPU, wait_policy="active"), "OMP_WAIT_POLICY"),
        (replace(CPU, memory_free=GB), "1.0 GB"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(machine: Machine, warning: str) -> None:
    assert warning in warnings(machine)


def test_the_most_that_fits_is_recommended(weights: Path) -> None:
    assert (advise(weights, CPU).slots, advise(weights, CPU).gpu_layers) == (4, 0)
    assert advise(weights, replace(CPU, cores=32)).slots == 8
    on_gpu = advise(weights, GPU)
    assert (on_gpu.slots, on_gpu.gpu_layers, on_gpu.cache_type) == (16, -1, "f16")
    assert on_gpu.context_tokens == 8192
    assert advise(weights, CPU, slots=3, context=1000).need.total_bytes < advise(weights, CPU).need.total_bytes


def test_less_memory_means_fewer_slots_then_a_coarser_cache_then_fewer_layers(weights: Path) -> None:
    whole = advise(weights, CPU)
    fewer = advise(weights, replace(CPU, memory_free=whole.need.total_bytes))
    assert (fewer.slots, fewer.cache_type) == (2, "f16")
    coarse = advise(weights, replace(CPU, memory_free=whole.need.total_bytes), slots=4)
    assert (coarse.slots, coarse.cache_type) == (4, "q8_0")
    small = replace(GPU, gpus=[Gpu("CUDA0", "", GB // 5, GB // 5)])
    partly = advise(weights, small, slots=4)
    assert 0 < partly.gpu_layers < 30
    assert partly.need.device_bytes <= 0.9 * GB // 5


def test_a_model_that_fits_nowhere_is_an_error_with_both_sizes(weights: Path) -> None:
    with pytest.raises(EngineError, match=r"with 1 slots of 8,192 tokens needs 0\.\d GB; 0\.1 GB are free"):
        advise(weights, replace(CPU, memory_free=GB // 10))


def test_this_machine_is_examined() -> None:
    machine = examine()
    assert 1 <= machine.cores <= machine.threads
    assert machine.memory_free > 0
    assert machine.build_features


@pytest.mark.parametrize(
    "program,reason",
    [("kill -ILL $$", "SIGILL"), ("echo 'no libgomp' >&2; exit 1", "no libgomp"), ("sleep 9", "within")],
)
def test_a_broken_build_does_not_end_the_doctor(
    program: str, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine_module, "_COMMAND", ("sh", "-c", program))
    monkeypatch.setattr(machine_module, "_SECONDS", 1)
    assert doctor.main([]) == 1
    assert reason in capsys.readouterr().out


def test_features_are_read_from_what_ggml_says() -> None:
    said = "CUDA : ARCHS = 900 | USE_GRAPHS = 1 | CPU : SSE3 = 1 | AVX512 = 0 | LLAMAFILE = 1 | "
    assert machine_module._features(said) == ["ARCHS", "USE_GRAPHS", "SSE3", "LLAMAFILE"]


@pytest.mark.model
def test_the_report_ends_with_settings_that_work(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--model", str(weights), "--slots", "1", "--context", "256", "--test"]) == 0
    shown = capsys.readouterr().out
    assert "INFERENCE_SLOTS=1\n" in shown
    assert "self-test of the model with these settings passed" in shown
    assert f"For {SMOLLM2_135M.name}:" in shown


def test_the_report_can_be_read_by_programs(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--model", SMOLLM2_135M.name, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["advice"]["need"]["weights_bytes"] > 0
    assert {finding["level"] for finding in report["findings"]} <= {"ok", "warning"}


def test_a_model_that_is_not_here_or_no_model_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--model", "unheard-of"]) == 1
    assert "There is no model unheard-of" in capsys.readouterr().out
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF" + bytes(100))
    assert doctor.main(["--model", str(damaged)]) == 1
    assert "no usable GGUF" in capsys.readouterr().out
