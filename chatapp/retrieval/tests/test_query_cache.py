"""The cache of query embeddings: what it gives again, to whom, and how much it keeps."""

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from chatapp.retrieval import embedding
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS, EmbeddingError, QueryCache, embed_query
from chatapp.retrieval.search import find_passages
from chatapp.retrieval.tests.conftest import People, Upload

Texts = list[str]


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Texts:
    """The texts that reached the model, which makes a vector out of their length."""
    seen: Texts = []

    def embed(texts: Texts, **_: object) -> list[list[float]]:
        seen.extend(texts)
        return [[float(len(text))] * EMBEDDING_DIMENSIONS for text in texts]

    monkeypatch.setattr(embedding, "embed_texts", embed)
    return seen


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("chatapp_query_embeddings_total", {"result": result}) or 0.0


def test_the_same_query_is_embedded_once(embedded: Texts) -> None:
    cache, hits, misses = QueryCache(size=4), counted("hit"), counted("miss")
    vectors = [cache.embed(text, scope="alice") for text in ("holiday", "holiday", "badge")]
    assert embedded == ["holiday", "badge"]
    assert vectors[0] == vectors[1] != vectors[2]
    assert (counted("hit") - hits, counted("miss") - misses) == (1, 2)


def test_a_vector_that_is_changed_by_its_reader_stays_whole_here(embedded: Texts) -> None:
    cache = QueryCache(size=4)
    for _ in range(3):
        cache.embed("holiday", scope="alice")[0] = 0.0
    assert cache.embed("holiday", scope="alice")[0] == len("holiday")


def test_people_share_nothing_so_that_time_tells_nothing(embedded: Texts) -> None:
    cache = QueryCache(size=4)
    cache.embed("is there a layoff plan?", scope="alice")
    cache.embed("is there a layoff plan?", scope="bob")
    assert len(embedded) == 2


def test_another_model_is_another_vector(embedded: Texts) -> None:
    cache = QueryCache(size=4)
    cache.embed("holiday", scope="alice")
    cache.embed("holiday", scope="alice", model="another")
    assert len(embedded) == 2


def test_the_longest_unused_goes_first(embedded: Texts) -> None:
    cache = QueryCache(size=2)
    for text in ("one", "two", "one", "three", "one", "two"):
        cache.embed(text, scope="alice")
    assert embedded == ["one", "two", "three", "two"]


def test_a_failure_is_not_kept(embedded: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    works: Callable[..., list[list[float]]] = embedding.embed_texts

    def fail(_: Texts, **__: object) -> list[list[float]]:
        raise EmbeddingError("no model")

    cache = QueryCache(size=2)
    monkeypatch.setattr(embedding, "embed_texts", fail)
    with pytest.raises(EmbeddingError):
        cache.embed("one", scope="alice")
    monkeypatch.setattr(embedding, "embed_texts", works)
    assert cache.embed("one", scope="alice") == [3.0] * EMBEDDING_DIMENSIONS


def test_search_asks_in_the_name_of_its_reader(people: People, upload: Upload, embedded: Texts) -> None:
    upload("leave.md", b"# Holiday\n\n28 days.")
    embedded.clear()
    for user in (people.alice, people.alice, people.bob):
        find_passages(user=user, query="a query of this test alone", collections=None, k=3)
    assert embedded == ["a query of this test alone"] * 2


def test_who_may_read_nothing_needs_no_vector(people: People, upload: Upload, embedded: Texts) -> None:
    upload("leave.md", b"# Holiday\n\n28 days.")
    embedded.clear()
    assert find_passages(user=people.mallory, query="a query of nobody", collections=None, k=3) == []
    assert embedded == []


@pytest.mark.model
def test_a_vector_out_of_the_cache_is_the_same_to_the_last_bit() -> None:
    assert embed_query("paid holiday", scope="alice") == embed_query("paid holiday", scope="alice")
