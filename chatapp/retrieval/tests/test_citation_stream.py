"""Citing while the answer is written: the same markers as in one piece, and otherwise the same text."""

import re
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.retrieval import citations
from chatapp.retrieval.citations import MAX_LINE, CitationStream
from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.search import Passage
from chatapp.retrieval.tests.citing import cite_sentences

ZERO = UUID(int=0)
_ANY_MARKER = re.compile(r" *\[\d{1,3}(?: ?, ?\d{1,3})*\]")


def passage(text: str) -> Passage:
    return Passage(ZERO, ZERO, ZERO, "doc.md", "handbook", None, "", text, 0.03, 0.6)


GIVEN = [passage("The leave is 28 days."), passage("The module costs 1240 pounds."), passage("Nothing.")]


@pytest.fixture(autouse=True)
def found_by_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the model: whatever sentence is long enough rests on passage 2."""
    monkeypatch.setattr(citations, "find_source", lambda sentence, *_: 2 if len(sentence) > 3 else None)


def pieces_of(text: str, cuts: list[int]) -> Iterator[str]:
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    yield from (text[start:end] for start, end in pairwise(places))


def without_markers(text: str) -> str:
    """Where one goes, what stood around it can be another."""
    while (rest := _ANY_MARKER.sub("", text)) != text:
        text = rest
    return text


def streamed(pieces: Iterator[str], given: list[Passage] = GIVEN) -> tuple[str, CitationStream]:
    stream = CitationStream(given)
    return "".join([*(stream.feed(piece) for piece in pieces), stream.finish()]), stream


_SIGNS = """a b A B 1 28 3. e.g. Dr. . ! ? … ) " * ** _ ( ` `` ``` ~~~ [ ] [1 [1] [2] [9] [1,3] [1]( , | # - >"""
_BLANKS = [
    " ",
    "  ",
    "\t",
    "\n",
    "\n\n",
    "\r\n",
    "\u2028",
    ". ",
    ".  A",
    ". [1] B",
    "[1, 3]",
    "| a | b |\n",
    "long words here. ",
]
WORDS = st.sampled_from([*_SIGNS.split(), *_BLANKS])
TEXTS = st.lists(WORDS, max_size=40).map("".join) | st.text(alphabet='aA1.!? `~[],()|-#>*"\n', max_size=80)


@given(TEXTS, st.lists(st.integers(0, 120), max_size=12), st.booleans())
def test_the_cuts_change_nothing(text: str, cuts: list[int], has_passages: bool) -> None:
    passages = GIVEN if has_passages else []
    whole = cite_sentences(text, passages)
    cut, stream = streamed(pieces_of(text, cuts), passages)
    assert (cut, tuple(stream.claims)) == (whole.text, whole.claims)
    assert streamed(iter(text), passages)[0] == whole.text


@given(TEXTS)
def test_only_markers_are_added_or_dropped(text: str) -> None:
    assert without_markers(cite_sentences(text, GIVEN).text) == without_markers(text)


@given(TEXTS, st.integers(0, 120))
def test_each_citation_stands_where_it_says(text: str, cut: int) -> None:
    written, stream = streamed(pieces_of(text, [cut]))
    assert all(written[claim.at :].startswith(f"[{claim.number}]") for claim in stream.claims)
    assert all(claim.number in claim.numbers for claim in stream.claims)


@given(TEXTS)
def test_little_is_held_back(text: str) -> None:
    """Outside of code: blanks, and what may be part of a marker. Passages are not needed for that."""
    stream, shown, fed = CitationStream([]), "", ""
    for character in text.replace("`", ""):
        shown, fed = shown + stream.feed(character), fed + character
        held = len(without_markers(fed)) - len(without_markers(shown))
        assert not re.search(r"[A-Za-z.!?#>~\n-]", fed[len(fed) - held :] if held > 0 else "")


@pytest.mark.parametrize(
    "pieces,shown",
    [
        (["The leave is long", ". ", "Next"], ["The leave is long", ".", " [2] Next"]),
        (["The leave is long.", "\n", "\n"], ["The leave is long.", " [2]\n", "\n"]),
        (["28 days [", "1", "]", ". And"], ["28 days", "", "", " [1]. And"]),
        (["28 days", " [", "9", "]", "."], ["28 days", "", "", "", "."]),
        (["See [1]", "(https://x.example)"], ["See", " [1](https://x.example)"]),
        (["Use `a[", "9", "]`", " now"], ["Use `a", "", "", "[9]` now"]),
        (["Use `a[", "9", "]`", "` now\n"], ["Use `a", "", "", "`` now\n"]),
        (["| 28 days", " |", "\n"], ["| 28 days", "", " [2] |\n"]),
        (["a ", "b ", "c"], ["a", " b", " c"]),
        (["```\n", "x[9]. Next one", "\n```"], ["```\n", "x[9]. Next one", "\n```"]),
    ],
)
def test_what_goes_out_and_when(pieces: list[str], shown: list[str]) -> None:
    stream = CitationStream(GIVEN)
    assert [stream.feed(piece) for piece in pieces] == shown


def test_a_line_without_an_end_is_taken_in_parts() -> None:
    text = "word " * MAX_LINE
    stream = CitationStream(GIVEN)
    assert len(text) - len(stream.feed(text)) < MAX_LINE
    written, _ = streamed(iter([text[:7], text[7:]]))
    assert without_markers(written) == text
    assert written == cite_sentences(text, GIVEN).text


def test_without_the_embedding_model_the_sentences_go_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise EmbeddingError

    monkeypatch.setattr(citations, "find_source", fail)
    cited = cite_sentences("The leave is long. It costs 28 days [1]. The module is here.", GIVEN)
    assert cited.text == "The leave is long. It costs 28 days [1]. The module is here."
    assert cited.cited == {1}


def test_a_slow_machine_holds_the_text_up_once_only(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def wait(*_: object) -> int:
        assert go_on.wait(20)
        return 2

    monkeypatch.setattr(citations, "find_source", wait)
    stream = CitationStream(GIVEN, patience=0.05)
    begun = time.monotonic()
    assert stream.feed("The leave is long. " * 50) == ("The leave is long. " * 50).rstrip()
    assert time.monotonic() - begun < 2
    assert not stream.is_whole
    go_on.set()
    deadline = time.monotonic() + 10
    while "[2]" not in stream.feed(" The module is here. And"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
