"""What the documents name exists: pages and their headings, files, commands, metrics, decisions."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

# Named in examples, or files of other programs.
FOREIGN = {"convert_lora_to_gguf.py", "other.md", "robots.txt", "valkey.conf"}
FOLDERS = ("benchmarks", "chatapp", "deploy", "docs", "static", "templates", "tests")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMED_FILE = re.compile(r"(?<![\w/.-])\w[\w/.-]*\.(?:py|js|html|css|md|toml|txt|conf)\b")
METRICS = [ROOT / "chatapp" / "exposition.py", *(ROOT / "chatapp").rglob("metrics.py")]
DECISIONS = ROOT / "docs" / "adr"
MOST_WORDS = 400


def code_in(text: str) -> Iterator[str]:
    """What stands between backticks on one line, and the lines of fenced blocks."""
    for number, part in enumerate(text.split("```")):
        yield from part.splitlines() if number % 2 else re.findall(r"`([^`\n]+)`", part)


def headings_of(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def files() -> list[str]:
    below = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    return [f"/{name_of(path)}" for path in (*ROOT.glob("*"), *below) if path.is_file()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_to_pages_and_headings(document: Path) -> None:
    wrong = []
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", document.read_text()):
        page, _, heading = target.partition("#")
        path = document.parent / page if page else document
        if not path.exists() or (heading and heading not in headings_of(path.read_text())):
            wrong.append(target)
    assert wrong == []


def test_files_that_are_named_exist(files: list[str]) -> None:
    wrong = [
        (name_of(document), name)
        for document in DOCUMENTS
        for code in code_in(document.read_text())
        for name in NAMED_FILE.findall(code)
        if name not in FOREIGN and not any(path.endswith(f"/{name}") for path in files)
    ]
    assert wrong == []


def test_commands_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wrong = []
    for document in DOCUMENTS:
        code = "\n".join(code_in(document.read_text()))
        wrong += [f"make {name}" for name in re.findall(r"^make ([a-z-]+)", code, re.MULTILINE) if name not in targets]
        for module in re.findall(r"python -m ((?:chatapp|tests|benchmarks)[\w.]*)", code):
            path = ROOT / module.replace(".", "/")
            if not path.with_suffix(".py").exists() and not (path / "__main__.py").exists():
                wrong.append(module)
    assert wrong == []


def test_metrics_that_are_named_exist() -> None:
    sources = "".join(path.read_text() for path in METRICS)
    known = set(re.findall(r'"(chatapp_[a-z_]+)"', sources))
    named = {name for document in DOCUMENTS for name in re.findall(r"`(chatapp_[a-z_]+)[`{]", document.read_text())}
    assert {name for name in named if name not in known and name.removesuffix("_total") not in known} == set()


def test_every_decision_is_short_and_in_the_list() -> None:
    decisions = [path for path in sorted(DECISIONS.glob("*.md")) if path.name != "README.md"]
    titles = [f"- [{path.read_text().splitlines()[0].removeprefix('# ')}]({path.name})" for path in decisions]
    listed = (DECISIONS / "README.md").read_text().splitlines()
    assert [line for line in listed if line.startswith("- ")] == titles
    assert [path.name for path in decisions if len(path.read_text().split()) > MOST_WORDS] == []


def test_a_word_is_explained_once() -> None:
    words = re.findall(r"^\| ([^|]+) \|", (ROOT / "CONTEXT.md").read_text(), re.MULTILINE)
    assert sorted(words) == sorted(set(words))
