"""A BERT that labels words, run by ONNX Runtime on the calling thread: in workers only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

from chatapp.moderation.checks.overlapping import cut_overlapping

MAX_TOKENS = 512
# The models were trained on short texts.
WINDOW_CHARACTERS, OVERLAP_CHARACTERS = 480, 64

Matrix = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Word:
    """Characters [start, end), and how probable each group of labels is there."""

    start: int
    end: int
    scores: Mapping[str, float]


class TokenClassifier:
    """`labels` are those of the model's outputs, in order; `groups` those that count as one thing. Thread-safe."""

    def __init__(
        self, *, weights: Path, tokenizer: Path, labels: Sequence[str], groups: Mapping[str, Sequence[str]]
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._groups = list(groups)
        self._members = np.array(
            [[label.partition("-")[2] in members for members in groups.values()] for label in labels], dtype=np.float32
        )

    def label_words(self, text: str) -> list[Word]:
        return [
            word
            for piece in cut_overlapping(text, size=WINDOW_CHARACTERS, overlap=OVERLAP_CHARACTERS)
            for word in self._label(piece.text, piece.offset)
            if piece.has(word.start)
        ]

    def _label(self, text: str, offset: int) -> Iterator[Word]:
        encoding = self._tokenizer.encode(text)
        if len(encoding.ids) > MAX_TOKENS:  # scripts that fall into more tokens than characters
            middle = len(text) // 2
            yield from self._label(text[:middle], offset)
            yield from self._label(text[middle:], offset + middle)
            return
        scores = self._run(encoding) @ self._members
        for first, stop in _words(encoding):
            means = scores[first:stop].mean(axis=0)
            start, end = encoding.offsets[first][0], encoding.offsets[stop - 1][1]
            if end > start:
                yield Word(offset + start, offset + end, dict(zip(self._groups, means.tolist(), strict=True)))

    def _run(self, encoding: Encoding) -> Matrix:
        """The probability of each label at each token."""
        ids = np.array([encoding.ids], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        logits = self._session.run(None, inputs)[0][0]
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)


def _words(encoding: Encoding) -> Iterator[tuple[int, int]]:
    """Tokens [first, stop) of each word; the marks at both ends of the text belong to none."""
    ids, first = encoding.word_ids, 0
    for place in range(1, len(ids) + 1):
        if place == len(ids) or ids[place] != ids[first]:
            if ids[first] is not None:
                yield first, place
            first = place
