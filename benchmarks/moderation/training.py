"""Trains the heads of the classifiers and chooses their thresholds."""

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.moderation.classifiers import measure_head
from benchmarks.moderation.curves import threshold_at
from benchmarks.moderation.datasets import Example, Part
from benchmarks.moderation.heads import Material, score_texts
from benchmarks.moderation.vectors import Vectors
from chatapp.moderation.checks.classifier import HEADS, Head
from chatapp.retrieval.embedding_models import EMBEDDING_MODEL

FALSE_ALARMS = 0.01
# There are few of them, and they are what the sets lack: harmless look-alikes, and orders in documents.
_WEIGHT_OF_OWN = 4.0
_REGULARISATION = {"injection": 3.0, "toxicity": 1.0}


def write_head(material: Material, vectors: Vectors) -> dict[str, Any]:
    """Returns its figures on texts that had no part in it."""
    head = train_head(material, vectors)
    figures = measure_head(head, material, vectors)
    body = {
        "made": datetime.now(UTC).date().isoformat(),
        "embedding_model": head.embedding_model,
        "data": list(material.data),
        "held_out": figures,
        "threshold": head.threshold,
        "bias": head.bias,
        "weights": list(head.weights),
    }
    HEADS.mkdir(exist_ok=True)
    (HEADS / f"{material.name}.json").write_text(_as_json(body))
    return figures


def train_head(material: Material, vectors: Vectors) -> Head:
    from sklearn.linear_model import LogisticRegression

    windows = [(window, example) for example in material.of(Part.TRAINING) for window in _shown(example)]
    model = LogisticRegression(C=_REGULARISATION[material.name], max_iter=3_000, class_weight="balanced")
    model.fit(
        vectors.of([window for window, _ in windows]),
        [example.is_bad for _, example in windows],
        sample_weight=[_weight(example, material) for _, example in windows],
    )
    weights = tuple(round(float(weight), 4) for weight in model.coef_[0])
    head = Head(EMBEDDING_MODEL, weights, round(float(model.intercept_[0]), 4), threshold=1.0)
    look_alikes = [example.windows for example in material.of(Part.CHOOSING) if example.is_look_alike]
    threshold = threshold_at(score_texts(head, vectors, look_alikes), FALSE_ALARMS)
    return Head(head.embedding_model, head.weights, head.bias, threshold)


def _shown(example: Example) -> Sequence[str]:
    """Of a bad text nobody knows which window makes it so; of a harmless one each is harmless."""
    windows = example.windows
    return [example.text] if example.is_bad or len(windows) < 2 else [example.text, *windows]


def _weight(example: Example, material: Material) -> float:
    """A long text counts for more than a short one, but not for each of its windows."""
    whole = _WEIGHT_OF_OWN if example.is_look_alike or example in material.orders else 1.0
    return whole / math.sqrt(max(1, len(example.windows)))


def _as_json(body: dict[str, Any]) -> str:
    """Indented, with all weights on one line."""
    weights = json.dumps(body["weights"], separators=(",", ":"))
    return json.dumps(body | {"weights": 0}, indent=1).replace('"weights": 0', f'"weights": {weights}') + "\n"
