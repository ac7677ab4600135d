"""Which version counts as smaller, by what is known of both."""

import pytest

from chatapp.inference.catalog import QWEN_0_5B, QWEN_1_5B
from chatapp.inference.models import ModelVersion, Provider
from chatapp.inference.sizes import smallest_below


def version(name: str, *, sha256: str = "", external_model: str = "", price: int = 0) -> ModelVersion:
    return ModelVersion(
        name=name,
        provider=Provider.LLAMA_CPP,
        sha256=sha256,
        external_model=external_model,
        completion_price=price,
        context_tokens=1024,
    )


@pytest.mark.parametrize(
    "small, big",
    [
        (version("a", sha256=QWEN_0_5B.sha256), version("b", sha256=QWEN_1_5B.sha256)),
        (version("llama-3.2-1b-instruct"), version("llama-3.1-8B-instruct")),
        (version("smollm2-135m"), version("qwen-0.5b")),
        (version("quick", external_model="mistral-7b"), version("best", external_model="mixtral-70b")),
        (version("mini", price=1), version("maxi", price=10)),
        (version("qwen-1.5b-q4", sha256=QWEN_0_5B.sha256), version("qwen-7b", price=1)),
    ],
)
def test_a_smaller_one_is_known_by_file_name_or_price(small: ModelVersion, big: ModelVersion) -> None:
    assert smallest_below(big, [small]) == small
    assert smallest_below(small, [big]) is None


@pytest.mark.parametrize("name", ["v1beta", "4bit", "model-2b1", "b7", "gpt-4.1b2"])
def test_what_only_looks_like_a_size_is_none(name: str) -> None:
    assert smallest_below(version("big-7b"), [version(name)]) is None


def test_the_smallest_of_several_counts_and_never_itself() -> None:
    middle, small, unknown = version("m-3b"), version("s-1b"), version("unknown")
    assert smallest_below(version("l-7b"), [middle, small, unknown]) == small
    assert smallest_below(middle, [middle, version("l-7b")]) is None
    assert smallest_below(unknown, [small]) is None
