from chatapp.retrieval.chunking import HEADING_SEPARATOR, MAX_CHARACTERS, split_document
from chatapp.retrieval.parsing import Block, BlockKind, Parsed
from chatapp.retrieval.parsing.md import parse_markdown

PROSE = " ".join(f"Sentence number {number} says something about pressure." for number in range(60))


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
