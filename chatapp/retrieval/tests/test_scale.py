"""What counts as found stays the same with a model whose cosines lie elsewhere."""

from collections.abc import Sequence

import numpy as np
import pytest

from chatapp.retrieval import embedding, scale, services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS, EMBEDDING_MODEL
from chatapp.retrieval.models import EmbeddingIndex, IndexState
from chatapp.retrieval.scale import Scale, measure_scale
from chatapp.retrieval.search import find, find_passages
from chatapp.retrieval.services import filling
from chatapp.retrieval.services.hnsw import drop_hnsw
from chatapp.retrieval.tests.conftest import People, Upload

SHIFTED = "shifted"
_SHARE = 0.7


def shift(vectors: Sequence[Sequence[float]]) -> list[list[float]]:
    """All vectors share a direction, so that any two have a cosine of 0.7 or more, as with many models."""
    rows = np.asarray(vectors) * np.sqrt(1 - _SHARE)
    return np.hstack([rows, np.full((len(rows), 1), np.sqrt(_SHARE))]).tolist()  # type: ignore[no-any-return]


def embed(
    texts: Sequence[str], *, model: str = EMBEDDING_MODEL, as_queries: bool = False, background: bool = False
) -> list[list[float]]:
    plain = embedding.embed_texts(texts, as_queries=as_queries, background=background)
    return shift(plain) if model == SHIFTED else plain


def test_the_default_model_is_its_own_scale() -> None:
    assert measure_scale(EMBEDDING_MODEL) == Scale(1.0, 0.0)


def test_a_model_that_tells_nothing_apart_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "embed_texts", lambda texts, **_: [[1.0, 0.0]] * len(texts))
    assert measure_scale("constant") == Scale(1.0, 0.0)


@pytest.mark.model
def test_the_line_between_two_scales_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "embed_texts", embed)
    measured = measure_scale(SHIFTED)
    for cosine in (0.0, 0.25, 0.4, 1.0):
        shifted = (1 - _SHARE) * cosine + _SHARE
        assert measured.offset + measured.factor * shifted == pytest.approx(cosine, abs=1e-3)


@pytest.mark.model
@pytest.mark.django_db(transaction=True)
def test_after_a_swap_what_is_not_in_the_documents_is_still_not_found(
    people: People, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload("leave.md", b"# Holiday\n\nEverybody has 28 days of paid holiday in a year.")
    upload("badge.md", b"# Badge\n\nA lost badge is replaced at the reception for 15 euros.")
    asked = {
        "How many days off do I get?": ["leave.md"],
        "I have lost my badge": ["badge.md"],
        "What is the capital of Australia?": [],
        "Write a poem about the sea": [],
    }
    answered = {query: ask(people, query) for query in asked}
    assert answered == asked
    for module in (scale, filling):
        monkeypatch.setattr(module, "embed_texts", embed)
    monkeypatch.setattr(filling, "dimensions_of", lambda _: EMBEDDING_DIMENSIONS + 1)
    monkeypatch.setattr(find, "embed_query", lambda text, scope, model: embed([text], model=model)[0])
    index = EmbeddingIndex.objects.create(model=SHIFTED)
    while services.tend_index(index_id=index.pk):
        pass
    services.tend_index(index_id=index.pk)
    index.refresh_from_db()
    assert index.state == IndexState.READY
    services.swap_index(user=people.ada, index=index)
    assert {query: ask(people, query) for query in asked} == answered
    # Without the scale the floor holds nothing back.
    EmbeddingIndex.objects.filter(pk=index.pk).update(factor=1.0, offset=0.0)
    assert ask(people, "What is the capital of Australia?") != []
    drop_hnsw(index)


def ask(people: People, query: str) -> list[str]:
    found = find_passages(user=people.alice, query=query, collections=None, k=1)
    return [passage.document_name for passage in found]
