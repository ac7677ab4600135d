"""The operator's cross-encoder: its order is used, and whatever it does wrong costs only the order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings

from chatapp.retrieval.models import Collection
from chatapp.retrieval.search import explain_search, find, find_passages, rerank
from chatapp.retrieval.search.rerank import Reranker
from chatapp.retrieval.tests.conftest import People
from chatapp.retrieval.tests.test_search import fill

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "query", *(f"word{n}" for n in range(8))]


@pytest.fixture(autouse=True)
def everything_is_near(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(find, "is_relevant", lambda _: True)
    monkeypatch.setattr(find, "embed_query", lambda text, *, scope, model: [1.0] * 384)
    yield
    rerank._rerankers.clear()


def failures() -> float:
    return REGISTRY.get_sample_value("chatapp_rerank_failures_total") or 0.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder with one tiny layer and chance weights, as sentence-transformers saves one."""
    import torch
    from sentence_transformers import CrossEncoder
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    torch.manual_seed(3)
    raw, folder = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("encoder")
    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    sizes: dict[str, Any] = {
        "num_labels": 1,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    config = BertConfig(vocab_size=len(WORDS), initializer_range=2.0, **sizes)
    BertForSequenceClassification(config).save_pretrained(raw)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(raw)
    CrossEncoder(str(raw), device="cpu", local_files_only=True).save_pretrained(str(folder))
    return folder


@pytest.mark.model
def test_passages_come_in_the_order_of_the_cross_encoder(
    people: People, notes: Collection, settings: Settings, folder: Path
) -> None:
    from sentence_transformers import CrossEncoder

    fill(people, notes, count=8)
    plain = find_passages(user=people.bob, query="query", collections=None, k=8)
    model = CrossEncoder(str(folder), device="cpu", local_files_only=True)
    scores = model.predict([("query", f"\n{passage.text}") for passage in plain])
    assert len(set(scores.tolist())) == 8
    expected = [passage.text for _, passage in sorted(zip(-scores, plain, strict=True), key=lambda pair: pair[0])]
    settings.RERANKER_PATH = str(folder)
    trace = explain_search(user=people.bob, query="query", collections=None, k=8)
    assert [passage.text for passage in trace.passages] == expected != [passage.text for passage in plain]
    assert trace.reranked
    assert "rerank" in trace.milliseconds
    assert [judged.rerank for judged in trace.given] == pytest.approx(sorted(scores, reverse=True), abs=1e-4)


def test_a_folder_that_holds_no_model_costs_only_the_order(
    people: People, notes: Collection, settings: Settings, tmp_path: Path
) -> None:
    fill(people, notes, count=8)
    plain = find_passages(user=people.bob, query="word1", collections=None, k=8)
    settings.RERANKER_PATH = str(tmp_path)
    before = failures()
    for _ in range(2):  # The second search does not try again at once.
        assert find_passages(user=people.bob, query="word1", collections=None, k=8) == plain
    assert failures() == before + 1


class Fake:
    def __init__(self, scores: Any) -> None:
        self.scores, self.asked = scores, 0

    def predict(self, pairs: list[tuple[str, str]], **_: object) -> Any:
        self.asked += len(pairs)
        return self.scores(pairs)


def reranker(scores: Any) -> Reranker:
    made = Reranker("nowhere")
    made._model = Fake(scores)  # type: ignore[assignment]
    return made


@pytest.mark.parametrize(
    "scores",
    [lambda pairs: np.full(len(pairs), np.nan), lambda pairs: np.zeros((len(pairs), 3))],
    ids=["not a number", "three classes"],
)
def test_scores_that_are_none_are_not_used(scores: Any) -> None:
    before = failures()
    assert reranker(scores).score("query", ["a", "b"]) == []
    assert failures() == before + 1


def test_when_time_is_over_the_rest_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0, 0.1, 9.0])
    made = reranker(lambda pairs: np.arange(len(pairs)))
    monkeypatch.setattr("chatapp.retrieval.search.rerank.monotonic", lambda: next(clock))
    assert len(made.score("query", ["text"] * 20)) == rerank._BATCH
