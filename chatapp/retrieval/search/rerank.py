"""The operator's cross-encoder, where one is configured: it reads query and passage together and orders them anew."""

import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog
from django.conf import settings

from chatapp.retrieval.metrics import RERANK_FAILURES

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

log = structlog.get_logger(__name__)

RERANKED = 20
# Between batches: one that has begun is finished.
RERANK_SECONDS = 1.0
_BATCH = 5
_RETRY_SECONDS = 300.0


class Reranker:
    """Loads the folder's model at its first use, once for all threads. A folder that fails is tried again later."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._model: CrossEncoder | None = None
        self._retry_at = 0.0

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """Scores of the first texts, as many as fit into RERANK_SECONDS; none when the model cannot be used."""
        if monotonic() < self._retry_at:
            return []
        try:
            with self._lock:
                return self._predict(self._load(), query, texts)
        except Exception:
            self._retry_at = monotonic() + _RETRY_SECONDS
            RERANK_FAILURES.inc()
            log.exception("reranker_failed")
            return []

    def _load(self) -> "CrossEncoder":
        if self._model is None:
            from sentence_transformers import CrossEncoder

            self._model = CrossEncoder(self._path, device="cpu", local_files_only=True)
        return self._model

    @staticmethod
    def _predict(model: "CrossEncoder", query: str, texts: Sequence[str]) -> list[float]:
        predict: Callable[..., Any] = model.predict
        until = monotonic() + RERANK_SECONDS
        scores = list[float]()
        while len(scores) < len(texts) and monotonic() < until:
            batch = texts[len(scores) : len(scores) + _BATCH]
            given = np.asarray(predict([(query, text) for text in batch], show_progress_bar=False), dtype=np.float64)
            if given.shape != (len(batch),) or not np.isfinite(given).all():
                raise ValueError(f"A cross-encoder gives one number for a pair, not {given.shape}.")
            scores += given.tolist()
        return scores


_rerankers = dict[str, Reranker]()


def get_reranker() -> Reranker | None:
    """None when no folder is configured."""
    path = settings.RERANKER_PATH
    return _rerankers.setdefault(path, Reranker(path)) if path else None
