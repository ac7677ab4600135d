"""Sentence embeddings in the workers: texts to vectors, offline, by any model that `embedding_models` knows."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from chatapp.retrieval.embedding_models import (
    EMBEDDING_DIMENSIONS,
    EMBEDDING_MODEL,
    EmbeddingError,
    ModelFolderError,
    load_model,
)
from chatapp.retrieval.metrics import QUERY_CACHE

__all__ = [
    "BACKGROUND_BATCH",
    "BATCH",
    "EMBEDDING_DIMENSIONS",
    "EMBEDDING_MODEL",
    "EmbeddingError",
    "ModelFolderError",
    "QueryCache",
    "check_vectors",
    "dimensions_of",
    "embed_query",
    "embed_texts",
]

BATCH = 32
# A fraction of a second of one core.
BACKGROUND_BATCH = 16


class QueryCache:
    """The vectors of the queries that were asked last, by model, scope and text. Thread-safe; keeps no text."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._vectors: OrderedDict[bytes, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = OrderedDict()

    def embed(self, text: str, *, scope: str, model: str = EMBEDDING_MODEL) -> list[float]:
        key = sha256(f"{model}\0{scope}\0{text}".encode(errors="surrogatepass")).digest()
        with self._lock:
            known = self._vectors.get(key)
            if known is not None:
                self._vectors.move_to_end(key)
        QUERY_CACHE.labels(result="miss" if known is None else "hit").inc()
        if known is not None:
            return list(known.tolist())
        vector = embed_texts([text], model=model, as_queries=True)[0]
        with self._lock:
            self._vectors[key] = np.asarray(vector, dtype=np.float32)
            if len(self._vectors) > self._size:
                self._vectors.popitem(last=False)
        return vector


_queries = QueryCache(size=2048)


def embed_query(text: str, *, scope: str = "", model: str = EMBEDDING_MODEL) -> list[float]:
    """The vector of a query, made once per `scope` (an owner's id). Raises EmbeddingError.

    Scopes share nothing: how fast a vector comes would tell that somebody else has asked the same.
    """
    return _queries.embed(text, scope=scope, model=model)


def embed_texts(
    texts: Sequence[str], *, model: str = EMBEDDING_MODEL, as_queries: bool = False, background: bool = False
) -> list[list[float]]:
    """Vectors of length 1, in the order of the texts. Raises EmbeddingError.

    Some models want a prompt before queries and another one before passages, as their folder says. `background` is work
    that nobody waits for: it takes few texts at a time, and between them whoever waits for a vector goes first.
    """
    if not texts:
        return []
    loaded = load_model(model)
    encode = loaded.model.encode_query if as_queries else loaded.model.encode_document
    at_once = BACKGROUND_BATCH if background else len(texts)
    rows: list[list[float]] = []
    for start in range(0, len(texts), at_once):
        part = list(texts[start : start + at_once])
        try:
            with loaded.lock.hold(background=background):
                vectors = encode(part, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        except (OSError, RuntimeError, ImportError) as error:
            raise EmbeddingError(f"The embedding model {model} could not be used.") from error
        array = np.asarray(vectors, dtype=np.float32)
        rows += check_vectors(array, expected=len(part), dimensions=loaded.dimensions)
    return rows


def dimensions_of(model: str) -> int:
    """Loads the model. Raises EmbeddingError."""
    return load_model(model).dimensions


def check_vectors(
    vectors: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]",
    *,
    expected: int,
    dimensions: int = EMBEDDING_DIMENSIONS,
) -> list[list[float]]:
    """Raises EmbeddingError for a wrong shape, NaN or infinity: such a vector would never be found, or always."""
    if vectors.shape != (expected, dimensions):
        raise EmbeddingError(f"Expected {(expected, dimensions)}, got {vectors.shape}.")
    if not np.isfinite(vectors).all():
        raise EmbeddingError("The embedding model returned a value that is not a number.")
    rows: list[list[float]] = vectors.tolist()
    return rows
