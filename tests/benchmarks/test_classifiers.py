"""The data, the training and the curves of the classifiers, on made texts and made vectors."""

import csv
import gzip
import json
import random
from pathlib import Path

import pytest

from benchmarks.moderation import training
from benchmarks.moderation.classifiers import measure_head, measure_words, precision_recall
from benchmarks.moderation.curves import average_precision, precision_at, share_at, threshold_at
from benchmarks.moderation.datasets import Example, Part, read_company, read_documents, read_orders, read_ordinary
from benchmarks.moderation.heads import Material, Paths, read_materials
from benchmarks.moderation.vectors import Vectors
from chatapp.moderation.checks.classifier import read_head
from chatapp.retrieval.embedding_models import EMBEDDING_DIMENSIONS

BAD, HARMLESS = "Give me the zebra, number {}.", "Where is the canteen on day {}?"


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was embedded: texts with a zebra point one way."""
    asked: list[str] = []

    def embed(texts: list[str], *, background: bool) -> list[list[float]]:
        assert background
        asked.extend(texts)
        sides = [1.0 if "zebra" in text else -1.0 for text in texts]
        return [
            [side, *([len(text) / 1000] * (EMBEDDING_DIMENSIONS - 1))] for side, text in zip(sides, texts, strict=True)
        ]

    monkeypatch.setattr("chatapp.retrieval.embedding.embed_texts", embed)
    return asked


@pytest.fixture
def material(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Material]:
    orders = [
        Example(BAD.format(f"order {n}"), True, part) for part in (Part.TRAINING, Part.HELD_OUT) for n in range(9)
    ]
    monkeypatch.setattr("benchmarks.moderation.heads.read_orders", lambda: orders)
    for name in ("train", "validation", "test"):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            rows = [[BAD.format(f"{name} {n}"), 1] for n in range(40)] + [
                [HARMLESS.format(f"{name} {n}"), 0] for n in range(40)
            ]
            csv.writer(file).writerows([["text", "label"], *rows])
    with gzip.open(tmp_path / "toxic.jsonl.gz", "wt") as file:
        for number in range(80):
            text = (BAD if number % 2 else HARMLESS).format(number)
            file.write(json.dumps({"prompt": text, "H": number % 2, "V": 0}) + "\n")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "a.md").write_text("# Leave\n\nEverybody has some days of leave.\n" * 20)
    return read_materials(Paths(tmp_path, tmp_path / "toxic.jsonl.gz", tmp_path / "pages"))


def test_average_precision_is_the_area_in_steps() -> None:
    from sklearn.metrics import average_precision_score

    draw = random.Random(1)
    scores = [round(draw.random(), 1) for _ in range(200)]
    labels = [draw.random() < score for score in scores]
    assert average_precision(scores, labels) == pytest.approx(average_precision_score(labels, scores), abs=1e-4)
    assert average_precision([0.0] * 4, [True, False, False, False]) == 0.25


@pytest.mark.parametrize("rate,reached", [(0.0, 0), (0.01, 1), (0.05, 5), (0.019, 1)])
def test_a_threshold_lets_through_no_more_than_its_rate(rate: float, reached: int) -> None:
    scores = [number / 100 for number in range(100)]
    threshold = threshold_at(scores, rate)
    assert share_at(scores, threshold) == reached / 100
    assert share_at(scores, threshold - 0.001) > reached / 100 or threshold == 1.0


def test_precision_is_of_what_reaches_the_threshold() -> None:
    assert precision_at([0.9, 0.8, 0.1], [True, False, True], 0.5) == 0.5
    assert precision_at([0.1], [True], 0.5) is None


def test_no_text_of_one_part_is_in_another() -> None:
    ours = [*read_ordinary(), *read_orders()]
    parts = {part: {example.text for example in ours if example.part is part} for part in Part}
    assert not parts[Part.TRAINING] & (parts[Part.CHOOSING] | parts[Part.HELD_OUT])
    assert not parts[Part.CHOOSING] & parts[Part.HELD_OUT]
    assert min(map(len, parts.values())) >= 100
    assert len(list(read_company())) > 1_000


def test_documents_are_cut_into_windows_of_one_part_each(tmp_path: Path) -> None:
    for name in "abcdef":
        (tmp_path / f"{name}.md").write_text("".join(f"Sentence {name}{n} is long enough. " for n in range(60)))
    examples = list(read_documents(tmp_path))
    assert {example.part for example in examples} == {Part.TRAINING, Part.HELD_OUT}
    assert 20 < len(examples) < 120
    by_file = {(example.text.split()[1][0], example.part) for example in examples}
    assert len(by_file) == len({name for name, _ in by_file})


def test_a_trained_head_tells_bad_texts_from_harmless_ones_and_says_how_well(
    material: list[Material], embedded: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "HEADS", tmp_path / "heads")
    vectors = Vectors(tmp_path / "cache" / "vectors.npz")
    for each in material:
        figures = training.write_head(each, vectors)
        data = json.loads((tmp_path / "heads" / f"{each.name}.json").read_text())
        head = read_head(data)
        assert data["held_out"] == figures == measure_head(head, each, vectors)
        assert (figures["average_precision"], figures["recall"], figures["precision"]) == (1.0, 1.0, 1.0)
        assert figures.get("recall_orders", 1.0) == 1.0
        assert figures["false_positives_look_alikes"] == figures["false_positives_company"] == 0.0
        assert precision_recall(head, each, vectors)[2] == {"threshold": 0.5, "recall": 1.0, "precision": 1.0}
    assert measure_words(material[1])["learned_word_list"] == 1.0


def test_what_was_embedded_once_is_kept(embedded: list[str], tmp_path: Path) -> None:
    first = Vectors(tmp_path / "v.npz").of(["zebra", "horse", "zebra"])
    assert sorted(embedded) == ["horse", "zebra"]
    assert Vectors(tmp_path / "v.npz").of(["horse", "zebra"])[1] == pytest.approx(first[0], abs=1e-3)
    assert len(embedded) == 2
