"""How well personal data is found in a public synthetic set, and what a look costs.

The set is a JSON list in the layout of Microsoft's presidio-research: `full_text` and `spans` with `entity_type`,
`start_position` and `end_position`. A hit counts when it overlaps a span of its entity; `exact` counts those that
equal one.
"""

import json
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatapp.moderation.checks.examiner import Hit
from chatapp.moderation.checks.names import NAMED
from chatapp.moderation.checks.numbers import NUMBERED
from chatapp.moderation.checks.pii import build_examiner
from chatapp.moderation.personal import find_by_form

Span = tuple[int, int]
# The product's label, and the set's words for it.
ENTITIES = {
    "EMAIL": ("EMAIL_ADDRESS",),
    "CARD": ("CREDIT_CARD",),
    "IBAN": ("IBAN_CODE",),
    "PERSON": ("PERSON",),
    "ADDRESS": ("STREET_ADDRESS", "ZIP_CODE"),
    "LOCATION": ("GPE",),
    "PHONE": ("PHONE_NUMBER",),
    "NATIONAL_ID": ("US_SSN", "US_DRIVER_LICENSE"),
    "IP_ADDRESS": ("IP_ADDRESS",),
}
# Not wrong, though the set has another word for it: the town of an address.
TOLERATED = {"LOCATION": ("STREET_ADDRESS",)}
BARS = {"EMAIL": 0.95, "CARD": 0.95, "IBAN": 0.95, "PERSON": 0.75}
WINDOW_CHARACTERS = (100, 400, 2_000)


@dataclass
class Count:
    """`found` hits are right, `wrong` ones are not; `missed` spans have no hit."""

    found: int = 0
    exact: int = 0
    wrong: int = 0
    missed: int = 0

    def figures(self) -> dict[str, float]:
        precision = self.found / max(1, self.found + self.wrong)
        recall = self.found / max(1, self.found + self.missed)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        spans = self.found + self.missed
        rounded = {"precision": round(precision, 3), "recall": round(recall, 3), "f1": round(f1, 3)}
        return {"spans": spans, **rounded, "exact": round(self.exact / max(1, self.found), 3)}


def measure_personal(path: Path) -> dict[str, Any]:
    """Every entity that the product knows; the model's files have to be here."""
    records = json.loads(path.read_text())
    texts = [record["full_text"] for record in records]
    counts = {label: Count() for label in ENTITIES}
    for record, hits in zip(records, _find(texts), strict=True):
        for label, kinds in ENTITIES.items():
            right = _spans(record, kinds)
            _count(
                counts[label],
                right,
                _apart(hit for hit in hits if hit.label == label),
                _spans(record, TOLERATED.get(label, ())),
            )
    entities = {label: count.figures() for label, count in counts.items()}
    return {"texts": len(texts), "entities": entities, "milliseconds": _cost(texts), "broken": list(_broken(entities))}


def _spans(record: dict[str, Any], kinds: Sequence[str]) -> list[Span]:
    return [(span["start_position"], span["end_position"]) for span in record["spans"] if span["entity_type"] in kinds]


def _find(texts: Sequence[str]) -> Iterator[list[Hit]]:
    examiner = build_examiner([*NAMED, *NUMBERED])
    if examiner is None:
        raise RuntimeError("No entity needs an examiner.")
    for text in texts:
        yield find_by_form(text) + examiner.examine([text])[0]


def _apart(hits: Iterable[Hit]) -> list[Span]:
    """Two ways of finding one thing are one hit."""
    spans: list[Span] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if not spans or hit.start >= spans[-1][1]:
            spans.append((hit.start, hit.end))
    return spans


def _count(count: Count, spans: Sequence[Span], hits: Sequence[Span], tolerated: Sequence[Span]) -> None:
    """A span is found once, however many hits lie on it; a hit on none is wrong."""
    for start, end in spans:
        if _touches((start, end), hits):
            count.found += 1
            count.exact += (start, end) in hits
        else:
            count.missed += 1
    count.wrong += sum(not _touches(hit, [*spans, *tolerated]) for hit in hits)


def _touches(span: Span, others: Sequence[Span]) -> bool:
    return any(span[0] < stop and begin < span[1] for begin, stop in others)


def _cost(texts: Sequence[str], rounds: int = 30) -> dict[str, dict[str, float]]:
    """Of one look at a text of so many characters, on one thread: the forms, and what needs a model or Presidio."""
    examiner = build_examiner([*NAMED, *NUMBERED])
    whole = " ".join(texts)
    found: dict[str, dict[str, float]] = {}
    for size in WINDOW_CHARACTERS:
        pieces = [whole[at * size : (at + 1) * size] for at in range(rounds)]
        forms, models = [], []
        for piece in pieces:
            began = time.perf_counter()
            find_by_form(piece)
            between = time.perf_counter()
            if examiner is not None:
                examiner.examine([piece])
            forms.append(between - began)
            models.append(time.perf_counter() - between)
        found[str(size)] = {
            "forms": round(1000 * statistics.median(forms), 2),
            "models": round(1000 * statistics.median(models), 1),
        }
    return found


def _broken(entities: dict[str, dict[str, float]]) -> Iterator[str]:
    for label, bar in BARS.items():
        if entities[label]["f1"] < bar:
            yield f"{label}: F1 {entities[label]['f1']} < {bar}"


def lines(results: dict[str, Any]) -> Iterator[str]:
    yield "| entity | spans | precision | recall | F1 | exact |"
    yield "|---|---:|---:|---:|---:|---:|"
    for label, figures in results["entities"].items():
        yield f"| {label} | {' | '.join(f'{value:g}' for value in figures.values())} |"
    for size, cost in results["milliseconds"].items():
        yield f"{size} characters: forms {cost['forms']} ms, names and numbers {cost['models']} ms"
