"""Labelled texts for the classifiers, in three parts: to train on, to choose a threshold from, and to report on.

Injection: S-Labs/prompt-injection-dataset (MIT), its folder with train.csv, validation.csv and test.csv. Toxicity: the
evaluation set of Markov et al., "A Holistic Approach to Undesired Content Detection" (OpenAI, MIT), as one .jsonl.gz.
Documents of a workplace: any folder of Markdown, such as github.com/18F/handbook (CC0). Beside them stand texts as they
are written at work, made for this: `ordinary.json`, many of which only sound bad, and `orders.json`.
"""

import csv
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from chatapp.moderation.checks.classifier import LONGEST
from chatapp.moderation.windows import cut_windows

ORDINARY = Path(__file__).with_name("ordinary.json")
ORDERS = Path(__file__).with_name("orders.json")
GOLDEN = Path(__file__).parents[1] / "golden" / "questions.json"
HANDBOOK = Path(__file__).parents[2] / "chatapp" / "demo" / "handbook"
# Words of attacks: harmless texts with one of them are look-alikes.
_ATTACKS_SAY = re.compile(
    r"(?i)\b(?:ignor|overrid|bypass|reveal|prompt|system|instruction|guideline|rule|pretend|role|disregard|forget"
    r"|jailbreak|disable|developer|admin|policy|safety|filter|hidden|secret|restrict)"
)


class Part(StrEnum):
    TRAINING = "training"
    CHOOSING = "choosing"
    HELD_OUT = "held out"


@dataclass(frozen=True, slots=True)
class Example:
    """`is_look_alike`: harmless, and it sounds like what is looked for."""

    text: str
    is_bad: bool
    part: Part
    is_look_alike: bool = False

    @property
    def windows(self) -> list[str]:
        """As the product cuts it."""
        return [window.text for window in cut_windows(self.text, LONGEST) if window.text.strip()]


def read_injection(folder: Path) -> Iterator[Example]:
    for name, part in (("train", Part.TRAINING), ("validation", Part.CHOOSING), ("test", Part.HELD_OUT)):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                is_bad = row["label"] == "1"
                yield Example(row["text"], is_bad, part, not is_bad and bool(_ATTACKS_SAY.search(row["text"])))


def read_orders() -> Iterator[Example]:
    """Orders as they would stand in a document, made for this: the other set has orders that people type."""
    for part, texts in json.loads(ORDERS.read_text(encoding="utf-8")).items():
        for text in texts:
            yield Example(text, is_bad=True, part=Part.TRAINING if part == "training" else Part.HELD_OUT)


def read_toxicity(path: Path) -> Iterator[Example]:
    """A text with any of the eight categories is bad. A quarter of the texts, by their hash, is held out."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            fields = json.loads(line)
            text = fields.pop("prompt")
            yield Example(text, 1 in fields.values(), _part(text))


def _part(text: str) -> Part:
    return Part.HELD_OUT if _hash(text) % 4 == 0 else Part.TRAINING


def _hash(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:4])


def read_ordinary() -> Iterator[Example]:
    """Of those that no head is trained on, every second one is for the choice of a threshold."""
    groups = json.loads(ORDINARY.read_text(encoding="utf-8"))
    for texts in groups["training"].values():
        yield from (Example(text, is_bad=False, part=Part.TRAINING, is_look_alike=True) for text in texts)
    for texts in groups["held_out"].values():
        for number, text in enumerate(texts):
            part = Part.HELD_OUT if number % 2 else Part.CHOOSING
            yield Example(text, is_bad=False, part=part, is_look_alike=True)


def read_documents(folder: Path) -> Iterator[Example]:
    """Windows of its Markdown files, one of six; half of the files, by the hash of their names, are held out."""
    for path in sorted(folder.rglob("*.md")):
        name = path.relative_to(folder).as_posix()
        part = Part.HELD_OUT if _hash(name) % 2 else Part.TRAINING
        for window in Example(path.read_text(encoding="utf-8"), is_bad=False, part=part).windows:
            if _hash(window) % 6 == 0:
                yield Example(window, is_bad=False, part=part)


def read_company() -> Iterator[Example]:
    """Questions about the demo company and the windows of its handbook: what a head meets all day."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    questions = [entry["question"] for entry in golden["answerable"]] + golden["unanswerable"]
    texts = questions + [path.read_text(encoding="utf-8") for path in sorted(HANDBOOK.glob("*.md"))]
    whole = (Example(text, is_bad=False, part=Part.HELD_OUT) for text in texts)
    return (Example(window, is_bad=False, part=Part.HELD_OUT) for example in whole for window in example.windows)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of all tables and Markdown files of a folder one after the other, by name."""
    files = sorted(file for file in path.rglob("*") if file.suffix in {".csv", ".md"}) if path.is_dir() else [path]
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
