"""Options as a model version carries them, and their effect on a real model."""

import hashlib
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import SMOLLM2_135M
from chatapp.inference.engine import Adapter, Engine, EngineError, EngineOptions, OptionsError, parse_options
from chatapp.inference.engine import model as model_module
from chatapp.inference.engine.native import llama_cpp

PROMPT = "The capital of France is"
SHA256 = "a" * 64


def test_no_options_are_the_defaults() -> None:
    assert parse_options({}) == EngineOptions()


def test_all_options_are_taken(tmp_path: Path) -> None:
    options = parse_options(
        {
            "flash_attention": "on",
            "cache_type": "q8_0",
            "tensor_split": [3, 1],
            "split_mode": "row",
            "main_gpu": 1,
            "adapters": [{"sha256": SHA256, "scale": 0.5}, {"sha256": "b" * 64}],
            "extra_buffers": None,
            "draft_tokens": 8,
            "chat_template": "{{ messages[0].content }}",
        },
        models=tmp_path,
    )
    assert options == EngineOptions(
        flash_attention="on",
        cache_type="q8_0",
        tensor_split=(3.0, 1.0),
        split_mode="row",
        main_gpu=1,
        adapters=(Adapter(tmp_path / f"{SHA256}.gguf", 0.5), Adapter(tmp_path / f"{'b' * 64}.gguf", 1.0)),
        draft_tokens=8,
        chat_template="{{ messages[0].content }}",
    )


@pytest.mark.parametrize(
    "values",
    [
        {"threads": 4},
        {"flash_attention": True},
        {"flash_attention": []},
        {"cache_type": "q2_k"},
        {"tensor_split": "1,1"},
        {"tensor_split": [-1, 2]},
        {"tensor_split": [0, 0]},
        {"tensor_split": [float("nan")]},
        {"tensor_split": [1] * 17},
        {"split_mode": "column"},
        {"main_gpu": -1},
        {"main_gpu": True},
        {"extra_buffers": "no"},
        {"draft_tokens": 65},
        {"chat_template": "x" * 100_001},
        {"chat_template": None},
        {"adapters": {}},
        {"adapters": [{"sha256": SHA256}] * 9},
        {"adapters": [{"path": "/etc/passwd"}]},
        {"adapters": [{"sha256": "../" + "a" * 61}]},
        {"adapters": [{"sha256": SHA256 + "\n"}]},
        {"adapters": [{"sha256": SHA256, "scale": 11}]},
        {"adapters": [{"sha256": SHA256, "scale": None}]},
    ],
)
def test_unknown_or_impossible_options_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(OptionsError) as caught:
        parse_options(values)
    assert caught.value.code == "invalid"
    assert next(iter(values)).removesuffix("s") in str(caught.value)


def test_options_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(OptionsError, match=r"cache of q8_0 needs flash attention"):
        parse_options({"cache_type": "q8_0", "flash_attention": "off"})
    with pytest.raises(OptionsError, match="tensor_split divides"):
        EngineOptions(split_mode="none", tensor_split=(1.0, 1.0))


@pytest.fixture(scope="session")
def weights() -> Path:
    return ensure_artifact(SMOLLM2_135M, directory=default_directory(), report=lambda _progress: None)


@pytest.fixture
def answer(weights: Path) -> Callable[[EngineOptions], str]:
    """What the model computes with these options, greedily, over a prompt and 16 tokens."""

    def run(options: EngineOptions) -> str:
        engine = Engine(weights, slots=1, context_per_slot=128, threads=1, options=options)
        try:
            return "".join(engine.submit(PROMPT, max_tokens=16, sampling={"temperature": 0}))
        finally:
            engine.close()

    return run


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def write_adapter(path: Path, *, rank: int = 4, width: int = 576, layers: int = 8, architecture: str = "llama") -> Path:
    """A LoRA of random weights for the query matrices of SmolLM2 135M, laid out as llama.cpp reads it."""
    random = np.random.default_rng(7)
    shapes = {}
    for layer in range(layers):
        shapes[f"blk.{layer}.attn_q.weight.lora_a"] = (width, rank)
        shapes[f"blk.{layer}.attn_q.weight.lora_b"] = (rank, width)
    metadata = {"general.type": "adapter", "general.architecture": architecture, "adapter.type": "lora"}
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(metadata) + 1)
    for key, value in metadata.items():
        head += text(key) + struct.pack("<I", 8) + text(value)
    head += text("adapter.lora.alpha") + struct.pack("<If", 6, float(rank))
    offset = 0
    for name, shape in shapes.items():
        head += text(name) + struct.pack("<IQQIQ", 2, *shape, 0, offset)
        offset += 4 * shape[0] * shape[1]
    data = random.normal(scale=0.5, size=offset // 4).astype("<f4").tobytes()
    path.write_bytes(head + bytes(-len(head) % 32) + data)
    return path


@pytest.mark.model
def test_an_adapter_changes_the_answers_by_its_scale(answer: Callable[[EngineOptions], str], tmp_path: Path) -> None:
    path = write_adapter(tmp_path / "adapter.gguf")

    def adapted(scales: Sequence[float]) -> str:
        return answer(EngineOptions(adapters=tuple(Adapter(path, scale) for scale in scales)))

    base = answer(EngineOptions())
    assert adapted([0.0]) == base
    assert adapted([1.0]) != base
    assert adapted([0.75, -0.75]) == base


@pytest.mark.model
def test_an_adapter_of_another_model_is_refused_with_the_reason(
    answer: Callable[[EngineOptions], str], tmp_path: Path, weights: Path
) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(write_adapter(tmp_path / "whole.gguf").read_bytes()[:-1])
    refusals = {
        cut: "reaches past the end",
        tmp_path / "missing.gguf": "cannot be opened",
        weights: "general.type",
        write_adapter(tmp_path / "other.gguf", architecture="qwen2"): "arch mismatch",
        write_adapter(tmp_path / "wide.gguf", width=640): "incorrect shape",
    }
    for path, reason in refusals.items():
        with pytest.raises(EngineError, match=reason):
            answer(EngineOptions(adapters=(Adapter(path),)))


@pytest.mark.model
def test_the_cache_is_kept_as_told(answer: Callable[[EngineOptions], str]) -> None:
    for options in (
        EngineOptions(cache_type="q8_0"),
        EngineOptions(cache_type="f32", flash_attention="off"),
        EngineOptions(cache_type="bf16", flash_attention="on"),
    ):
        assert "Paris" in answer(options)
    # So coarse that this small model cannot answer from it: the option arrives.
    assert answer(EngineOptions(cache_type="q4_0")) != answer(EngineOptions())


@pytest.mark.model
def test_options_for_gpus_do_no_harm_without_one(answer: Callable[[EngineOptions], str]) -> None:
    options = EngineOptions(tensor_split=(1.0, 1.0), main_gpu=1, extra_buffers=False)
    assert "Paris" in answer(options)


def test_more_gpus_than_there_are_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = llama_cpp.llama_model_default_params()
    with pytest.raises(EngineError, match="more GPUs than the 0"):
        model_module._divide(parameters, EngineOptions(tensor_split=(1.0,)))
    monkeypatch.setattr(model_module, "list_gpus", lambda: [object(), object()])
    model_module._divide(parameters, EngineOptions(tensor_split=(3.0, 1.0), split_mode="row", main_gpu=1))
    assert parameters.tensor_split[:2] == [3.0, 1.0]
    assert (parameters.split_mode, parameters.main_gpu) == (2, 1)


@pytest.mark.model
def test_the_template_of_the_options_is_used_instead_of_the_files(weights: Path) -> None:
    options = EngineOptions(chat_template="<{{ messages[0].content }}>")
    engine = Engine(weights, slots=1, context_per_slot=64, threads=1, options=options)
    try:
        assert engine.render_chat([{"role": "user", "content": "Hello"}]) == "<Hello>"
        assert engine.template_sha256 == hashlib.sha256(options.chat_template.encode()).hexdigest()
    finally:
        engine.close()
