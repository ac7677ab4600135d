"""The estimate against what llama.cpp really takes, and against headers that say less."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import QWEN_0_5B, SMOLLM2_135M, Artifact
from chatapp.inference.engine import EngineError
from chatapp.inference.engine import memory as memory_module
from chatapp.inference.engine.estimate import MemoryNeed, estimate_memory
from chatapp.inference.engine.memory import free_device_memory, free_memory
from chatapp.inference.engine.options import parse_options

GENEROUS = 0.25

# A process of its own, so that nothing but this engine grows it.
_LOAD = """
import json, sys
from pathlib import Path
from chatapp.inference.engine import Engine
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
path, slots, context = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
before = resident()
engine = Engine(path, slots=slots, context_per_slot=context, gpu_layers=0)
list(engine.submit("word " * 600, max_tokens=4))
print(json.dumps({"taken": resident() - before, "cells": engine._context.cells}))
engine.close()
"""


def weights(artifact: Artifact) -> Path:
    return ensure_artifact(artifact, directory=default_directory(), report=lambda _progress: None)


def estimate(path: Path, *, slots: int = 4, context: int = 2048, gpu_layers: int = 0, **options: object) -> MemoryNeed:
    return estimate_memory(
        path, slots=slots, context_per_slot=context, gpu_layers=gpu_layers, options=parse_options(options)
    )


@pytest.mark.model
@pytest.mark.parametrize("artifact", [SMOLLM2_135M, QWEN_0_5B], ids=lambda artifact: artifact.name)
def test_a_real_load_takes_about_what_was_estimated(artifact: Artifact) -> None:
    path = weights(artifact)
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(path), "4", "2048"], capture_output=True, text=True, check=True, timeout=300
    )
    real = json.loads(done.stdout)
    need = estimate(path)
    assert need.total_bytes == pytest.approx(real["taken"], rel=GENEROUS)
    assert need.host_bytes == need.total_bytes
    assert need.cache_bytes == real["cells"] * need.cache_bytes // 8192  # 4 * 2048
    assert real["cells"] == 8192


@pytest.mark.model
def test_each_option_that_costs_memory_counts() -> None:
    path = weights(SMOLLM2_135M)
    plain = estimate(path)
    assert estimate(path, slots=8).cache_bytes > 1.8 * plain.cache_bytes
    assert estimate(path, cache_type="q8_0").cache_bytes == pytest.approx(plain.cache_bytes * 17 / 32)
    assert estimate(path, flash_attention="off").compute_bytes > 5 * plain.compute_bytes
    all_offloaded, half = estimate(path, gpu_layers=-1), estimate(path, gpu_layers=15)
    assert plain.device_bytes == 0
    assert 0 < half.device_bytes < all_offloaded.device_bytes <= all_offloaded.total_bytes
    # 30 layers, 3 heads of 64 for keys and values, two bytes each.
    assert plain.cache_bytes == 8192 * 30 * 3 * 64 * 2 * 2


def entry(key: str, value: int | str) -> bytes:
    name = struct.pack("<Q", len(key)) + key.encode()
    if isinstance(value, str):
        return name + struct.pack("<IQ", 8, len(value)) + value.encode()
    return name + struct.pack("<II", 4, value)


def header(path: Path, **entries: int | str) -> Path:
    body = b"".join(entry(key.replace("__", "."), value) for key, value in entries.items())
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + body + bytes(64))
    return path


def test_layers_that_keep_a_state_need_no_cache(tmp_path: Path) -> None:
    path = header(
        tmp_path / "mamba.gguf",
        general__architecture="mamba",
        mamba__block_count=2,
        mamba__embedding_length=64,
        mamba__attention__head_count_kv=0,
        mamba__ssm__inner_size=128,
        mamba__ssm__state_size=16,
        mamba__ssm__conv_kernel=4,
    )
    assert estimate(path, slots=4, context=512).cache_bytes == 2 * 4 * 128 * (16 + 4) * 4


@pytest.mark.parametrize(
    "entries", [{}, {"general__architecture": "llama"}, {"general__architecture": "llama", "llama__block_count": 0}]
)
def test_a_header_without_sizes_is_refused(tmp_path: Path, entries: dict[str, int | str]) -> None:
    with pytest.raises(EngineError, match="how many layers"):
        estimate(header(tmp_path / "a.gguf", **entries))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    with pytest.raises(EngineError, match="too short"):
        estimate(tmp_path / "a.gguf")


def test_a_container_has_what_its_control_groups_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = tmp_path / "groups" / "pod" / "worker"
    group.mkdir(parents=True)
    (tmp_path / "own").write_text("0::/pod/worker\n")
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("100\n")
    (group / "memory.stat").write_text("inactive_file 0\n")
    (group.parent / "memory.max").write_text("5000\n")
    (group.parent / "memory.current").write_text("3000\n")
    (group.parent / "memory.stat").write_text("anon 10\ninactive_file 400\n")
    monkeypatch.setattr(memory_module, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory_module, "_OWN_GROUPS", tmp_path / "own")
    assert free_memory() == 2400


def test_the_machine_has_some_memory_and_perhaps_a_gpu() -> None:
    assert free_memory() > 10_000_000
    assert free_device_memory() >= 0
