"""Embeddings of many texts, kept in a file between runs."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

Matrix = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "chatapp-benchmarks" / "moderation.npz"
_BATCH = 512


class Vectors:
    """`cache` is made where it is missing."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._known: dict[str, Matrix] = {}
        if cache.exists():
            with np.load(cache) as file:
                self._known = dict(zip(map(str, file["keys"]), file["vectors"].astype(np.float32), strict=True))

    def of(self, texts: Sequence[str]) -> Matrix:
        """One row a text."""
        from chatapp.retrieval.embedding import embed_texts

        keys = {_key(text): text for text in texts}
        missing = sorted((key for key in keys if key not in self._known), key=lambda key: len(keys[key]))
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            rows = embed_texts([keys[key] for key in batch], background=True)
            self._known.update(zip(batch, np.asarray(rows, dtype=np.float32), strict=True))
        if missing:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                self._cache, keys=list(self._known), vectors=np.array(list(self._known.values()), dtype=np.float16)
            )
        return np.array([self._known[_key(text)] for text in texts], dtype=np.float32)


def _key(text: str) -> str:
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
