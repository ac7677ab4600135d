from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.retrieval import chunking
from chatapp.retrieval.chunking import HEADING_SEPARATOR, MAX_CHARACTERS, Passage
from chatapp.retrieval.parsing import Block, BlockKind, Parsed
from chatapp.retrieval.parsing.md import parse_markdown

PROSE = " ".join(f"Sentence number {number} says something about pressure." for number in range(60))


def split_document(parsed: Parsed, *, name: str, **sizes: Any) -> list[Passage]:
    return list(chunking.split_document(parsed.blocks, title=parsed.title, name=name, **sizes))


def test_headings_lead_every_passage() -> None:
    passages = split_document(
        parse_markdown("# Guide\n\nIntro.\n\n## Setup\n\nDo it.\n\n# Other\n\nText."), name="x.md"
    )
    assert [(passage.ordinal, passage.heading, passage.text) for passage in passages] == [
        (0, "Guide", "Intro."),
        (1, f"Guide{HEADING_SEPARATOR}Setup", "Do it."),
        (2, f"Guide{HEADING_SEPARATOR}Other", "Text."),
    ]


def test_title_falls_back_to_the_file_name() -> None:
    passages = split_document(parse_markdown("Just text."), name="travel-and_expenses.md")
    assert passages[0].heading == "travel and expenses"


def test_the_name_of_a_part_is_no_title() -> None:
    parts = [Block(BlockKind.HEADING, "North"), Block(BlockKind.TEXT, "1"), Block(BlockKind.HEADING, "South")]
    passages = split_document(Parsed(blocks=[*parts, Block(BlockKind.TEXT, "2")]), name="sales_2024.xlsx")
    assert [passage.heading for passage in passages] == [
        f"sales 2024{HEADING_SEPARATOR}North",
        f"sales 2024{HEADING_SEPARATOR}South",
    ]


def test_long_prose_is_cut_at_sentence_ends_and_loses_nothing() -> None:
    passages = split_document(parse_markdown(PROSE), name="x.md")
    assert len(passages) > 3
    assert all(len(passage.text) <= MAX_CHARACTERS and passage.text.endswith(".") for passage in passages)
    assert " ".join(passage.text for passage in passages) == PROSE


def test_long_table_repeats_its_header() -> None:
    rows = [f"| Product {number} | £{number},000 |" for number in range(80)]
    table = "\n".join(["| Name | Price |", "|---|---|", *rows])
    passages = split_document(parse_markdown(f"# Prices\n\n{table}"), name="x.md")
    assert len(passages) > 2
    assert all(passage.text.startswith("| Name | Price |\n|---|---|\n") for passage in passages)
    assert [line for passage in passages for line in passage.text.split("\n")[2:]] == rows


def test_list_items_given_one_by_one_stay_a_list() -> None:
    items = [Block(BlockKind.TEXT, f"- item {number}") for number in range(3)]
    assert split_document(Parsed(blocks=items), name="x.docx")[0].text == "- item 0\n- item 1\n- item 2"


def test_pages_are_kept_apart() -> None:
    blocks = [Block(BlockKind.TEXT, "One.", page=1), Block(BlockKind.TEXT, "Two.", page=2)]
    assert [(p.page, p.text) for p in split_document(Parsed(blocks=blocks, pages=2), name="x.pdf")] == [
        (1, "One."),
        (2, "Two."),
    ]


def test_text_without_spaces_is_cut_too() -> None:
    passages = split_document(parse_markdown("x" * 5_000), name="x.md")
    assert "".join(passage.text for passage in passages) == "x" * 5_000
    assert all(len(passage.text) <= MAX_CHARACTERS for passage in passages)


def test_a_heading_with_nothing_below_it_is_found_too() -> None:
    passages = split_document(parse_markdown("# Guide\n\n## Empty\n\n## Full\n\nText.\n\n# Last"), name="x.md")
    assert [passage.text for passage in passages] == ["Empty", "Text.", "Last"]


def test_sections_are_counted_across_pages() -> None:
    blocks = [
        Block(BlockKind.HEADING, "One", level=1, page=1),
        Block(BlockKind.TEXT, "a", page=1),
        Block(BlockKind.TEXT, "b", page=2),
        Block(BlockKind.HEADING, "One", level=1, page=2),
        Block(BlockKind.TEXT, "c", page=2),
    ]
    passages = split_document(Parsed(blocks=blocks), name="x.pdf")
    assert [(p.section, p.page, p.text) for p in passages] == [(1, 1, "a"), (1, 2, "b"), (2, 2, "c")]


@pytest.mark.parametrize("size,overlap", [(200, 0), (200, 100), (700, 150), (4000, 300)])
def test_size_and_overlap_are_kept(size: int, overlap: int) -> None:
    text = f"{PROSE}\n\n{PROSE}\n\n{PROSE}"
    passages = split_document(parse_markdown(text), name="x.md", size=size, overlap=overlap)
    assert all(len(passage.text) <= size for passage in passages)
    assert passages[0].overlap == 0
    for before, after in pairwise(passages):
        assert after.overlap <= overlap
        assert before.text.endswith(after.text[: after.overlap].strip())
    assert all(passage.overlap > 0 for passage in passages[1:]) == bool(overlap)
    own = " ".join(passage.text[passage.overlap :] for passage in passages)
    assert own.split() == text.split()


def test_tables_and_code_are_not_repeated() -> None:
    rows = "\n".join(f"| Product {number} | {number} |" for number in range(80))
    passages = split_document(parse_markdown(f"| Name | Price |\n|---|---|\n{rows}"), name="x.md", overlap=100)
    assert len(passages) > 2
    assert {passage.overlap for passage in passages} == {0}


def boxed(text: str, line: int, *, page: int = 1) -> Block:
    """Lines of `line` characters across the whole width, one below the other."""
    lines = range(0, len(text), line)
    boxes = [[page, 0, 100 * row, 10_000, 100 * row + 90, len(text[at : at + line])] for row, at in enumerate(lines)]
    return Block(BlockKind.TEXT, text, page=page, boxes=boxes)


def test_passages_know_their_lines() -> None:
    passages = split_document(Parsed(blocks=[boxed("Short.", 10), boxed("Text.", 10)]), name="x.pdf")
    assert passages[0].boxes == [[1, 0, 0, 10_000, 90], [1, 0, 0, 10_000, 90]]
    text = " ".join(f"word{number:04}" for number in range(100))
    passages = split_document(Parsed(blocks=[boxed(text, 90)]), name="x.pdf", size=270)
    assert [len(passage.boxes) for passage in passages] == [3, 3, 3, 1]
    assert passages[0].boxes[0] == [1, 0, 0, 10_000, 90]
    assert passages[1].boxes[0][2] == 300


def test_a_line_that_is_cut_is_shared_out() -> None:
    text = "a" * 300 + "b" * 300
    passages = split_document(Parsed(blocks=[boxed(text, 400)]), name="x.pdf", size=300)
    assert [passage.boxes for passage in passages] == [
        [[1, 0, 0, 7_500, 90]],
        [[1, 7_500, 0, 10_000, 90], [1, 0, 100, 10_000, 190]],
    ]


WORDS = st.text(alphabet="ab .|\n#-é\u4e2d", max_size=900)


@given(st.lists(st.tuples(st.sampled_from(BlockKind), WORDS), max_size=6), st.integers(200, 400), st.integers(0, 100))
def test_whatever_comes_fits(found: list[tuple[BlockKind, str]], size: int, overlap: int) -> None:
    blocks = [
        Block(kind, f"| x |\n|---|\n{text}" if kind is BlockKind.TABLE else text, level=1)
        for kind, text in found
        if text.strip()
    ]
    passages = split_document(Parsed(blocks=blocks), name="x.md", size=size, overlap=overlap)
    assert [passage.ordinal for passage in passages] == list(range(len(passages)))
    assert all(0 < len(passage.text) <= size for passage in passages)
    if all(block.kind is not BlockKind.HEADING for block in blocks):
        said = "".join(block.text for block in blocks)
        shown = "".join(passage.text[passage.overlap :] for passage in passages)
        assert all(said.count(letter) == shown.count(letter) for letter in "abé\u4e2d")
