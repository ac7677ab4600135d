"""How well the shipped heads tell bad texts from harmless ones, on texts that had no part in making them."""

import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.moderation.curves import RATES, average_precision, precision_at, share_at, threshold_at
from benchmarks.moderation.datasets import Example, Part, read_company
from benchmarks.moderation.heads import Material, Paths, read_materials, score_texts
from benchmarks.moderation.vectors import CACHE, Vectors
from chatapp.demo.policy import ABUSE
from chatapp.moderation.checks.classifier import LONGEST, Classifier, Head, load_head

_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_LEARNED_WORDS = 200
_CLEARLY = 0.05
_WORD = re.compile(r"[^\W\d_]{3,}")


def measure_classifiers(injection: Path, toxicity: Path, documents: Path) -> dict[str, Any]:
    vectors, results = Vectors(CACHE), dict[str, Any]()
    for material in read_materials(Paths(injection, toxicity, documents)):
        head = load_head(material.name)
        results[material.name] = measure_head(head, material, vectors)
        results[material.name]["precision_recall"] = precision_recall(head, material, vectors)
        if material.name == "toxicity":
            results[material.name] |= measure_words(material)
    cost = {f"{count} windows": _milliseconds(count) for count in (1, 8)}
    return results | {"milliseconds": cost, "broken": list(_broken(results["toxicity"]))}


def lines(results: dict[str, Any]) -> Iterator[str]:
    yield f"a look takes this much CPU time: {results['milliseconds']} ms"
    for name in ("injection", "toxicity"):
        found = results[name]
        yield f"{name}: average precision {found['average_precision']}, threshold {found['threshold']}"
        yield ", ".join(
            f"{key} {found[key]}" for key in found if key.startswith(("false_", "recall_", "demo_", "learned_"))
        )
        yield from ("| threshold | recall | precision |", "|---:|---:|---:|")
        for point in found["precision_recall"]:
            yield f"| {point['threshold']} | {point['recall']} | {point['precision']} |"
        yield from ("| false positives on look-alikes | threshold | recall |", "|---:|---:|---:|")
        for point in found["curve"]:
            yield f"| {point['false_positives_look_alikes']} | {point['threshold']} | {point['recall']} |"


def _milliseconds(count: int) -> float:
    """CPU time of a look at so many windows, the median of nine."""
    examiner = Classifier("injection", "", "")
    windows = [example.text for example in read_company() if len(example.text) >= LONGEST // 2][:count]
    times = []
    for _ in range(9):
        begun = time.process_time()
        examiner.examine(windows)
        times.append(time.process_time() - begun)
    return round(statistics.median(times) * 1000, 1)


def _broken(toxicity: dict[str, Any]) -> Iterator[str]:
    best = max(toxicity["demo_word_list"], toxicity["learned_word_list"])
    if toxicity["average_precision"] < best + _CLEARLY:
        yield f"toxicity: average precision {toxicity['average_precision']}, of words alone {best}"


def measure_head(head: Head, material: Material, vectors: Vectors) -> dict[str, Any]:
    """Average precision is of the head's own set; false-positive rates are of look-alikes and of company texts."""
    own = [example for example in material.examples if example.part is Part.HELD_OUT]
    scores = score_texts(head, vectors, [example.windows for example in own])
    labels = [example.is_bad for example in own]
    bad = [score for score, is_bad in zip(scores, labels, strict=True) if is_bad]
    similar = [example.windows for example in material.of(Part.HELD_OUT) if example.is_look_alike]
    look_alikes = score_texts(head, vectors, similar)
    pages = [example for example in material.others if example.part is Part.HELD_OUT and not example.is_look_alike]
    documents = score_texts(head, vectors, [[example.text] for example in pages])
    company = score_texts(head, vectors, [[example.text] for example in read_company()])
    figures: dict[str, Any] = {
        "texts": len(own),
        "bad": len(bad),
        "average_precision": average_precision(scores, labels),
        "look_alikes": len(look_alikes),
        "company_texts": len(company),
        "document_texts": len(documents),
        "threshold": head.threshold,
        "recall": share_at(bad, head.threshold),
        "precision": precision_at(scores, labels, head.threshold),
        "false_positives_look_alikes": share_at(look_alikes, head.threshold),
        "false_positives_company": share_at(company, head.threshold),
        "false_positives_documents": share_at(documents, head.threshold),
        "curve": [
            {"threshold": threshold, "false_positives_look_alikes": rate, "recall": share_at(bad, threshold)}
            for rate in RATES
            for threshold in [threshold_at(look_alikes, rate)]
        ],
    }
    if orders := [example.windows for example in material.orders if example.part is Part.HELD_OUT]:
        figures["recall_orders"] = share_at(score_texts(head, vectors, orders), head.threshold)
    return figures


def measure_words(material: Material) -> dict[str, Any]:
    """Average precision of word lists alone: the demo company's, and the best 200 words of the training part."""
    own = [example for example in material.examples if example.part is Part.HELD_OUT]
    labels = [example.is_bad for example in own]
    lists = {"demo_word_list": ABUSE, "learned_word_list": _learn_words(material)}
    return {name: average_precision(_count(words, own), labels) for name, words in lists.items()}


def precision_recall(head: Head, material: Material, vectors: Vectors) -> list[dict[str, float | None]]:
    own = [example for example in material.examples if example.part is Part.HELD_OUT]
    scores = score_texts(head, vectors, [example.windows for example in own])
    labels = [example.is_bad for example in own]
    bad = [score for score, is_bad in zip(scores, labels, strict=True) if is_bad]
    return [
        {"threshold": at, "recall": share_at(bad, at), "precision": precision_at(scores, labels, at)}
        for at in _THRESHOLDS
    ]


def _count(words: Sequence[str], examples: Sequence[Example]) -> list[float]:
    expression = re.compile(r"\b(?:" + "|".join(map(re.escape, words)) + r")\b", re.IGNORECASE)
    return [float(len(set(map(str.lower, expression.findall(example.text))))) for example in examples]


def _learn_words(material: Material) -> list[str]:
    """Those that tell bad texts best, by their log odds with one text added to each side."""
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    totals: Counter[bool] = Counter()
    for example in material.examples:
        if example.part is Part.TRAINING:
            totals[example.is_bad] += 1
            counts[example.is_bad].update(set(_WORD.findall(example.text.lower())))
    odds = {
        word: np.log((count + 1) / (totals[True] + 2)) - np.log((counts[False][word] + 1) / (totals[False] + 2))
        for word, count in counts[True].items()
        if count >= 5
    }
    return sorted(odds, key=lambda word: -float(odds[word]))[:_LEARNED_WORDS]
