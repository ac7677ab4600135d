"""Text that is still being written: at every moment it shows what one rendering of all the text would show."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatapp.conversations.markdown import MarkdownStream, render_markdown, stream

PIECES = [
    "# ", "word", "\n", "\n\n", "- ", "* ", "1. ", "2) ", "> ", "```", "```python\n", "~~~", "|", "a|b\n", "-|-\n",
    "---", "===", "    ", "  ", "\t", "$", "$$", "$$\n", "[1]", "[", "]", "(https://ok.example)", "**", "*", "_", "\\",
    "\\(", "\\)", "<b>", "`", "!", "\r", "\u2028", "\x0c", "\x85", "\xa0", "[a]: https://ok.example\n", "~~", ":",
    "é", " ", "&", "\U0001f600", " one two ", " snake_case ", "\n- x", "\n  - y", "\n    - z", "\n1. n", "\n   more",
    "&amp;", "<", "| c | d |\n", "code line\n", "\n\n  para\n", "*em* ", "**bold** ", "`code` ", ". ",
    "<https://ok.example>",
]  # fmt: skip
# Each was wrong once: what seemed settled became the head of a table, or emphasis.
ONCE_WRONG = [
    ["# a|b", "\n", "-|-"],
    ["\n  - y|", "\n", "|-"],
    ["- x\n", "  - y|z\n", "  -|-\n"],
    ["- x\n", "- a|b\n", "-|-\n", "- more\n"],
    ["one two ", "*\u2028\u2028", "one two ", "*em* ", "one two"],
]


def show(markdown: MarkdownStream) -> str:
    return "".join(markdown.closed) + markdown.open_html


@settings(max_examples=150, deadline=None)
@given(
    parts=st.lists(st.sampled_from(PIECES), min_size=3, max_size=12, unique=True).flatmap(
        lambda some: st.lists(st.sampled_from(some), max_size=60)
    ),
    seed=st.integers(0, 2**32),
    cut_at=st.sampled_from([1, 8, 40]),
)
@example(ONCE_WRONG[0], 0, 1)
@example(ONCE_WRONG[1], 0, 1)
@example(ONCE_WRONG[2], 0, 1)
@example(ONCE_WRONG[3], 0, 1)
@example(ONCE_WRONG[4], 0, 1)
def test_any_text_in_any_cuts_equals_one_rendering_at_every_moment(parts: list[str], seed: int, cut_at: int) -> None:
    text, choice, markdown, at = "".join(parts), random.Random(seed), MarkdownStream("m", cut_at=cut_at), 0
    while at < len(text):
        size = choice.randint(1, 7)
        markdown.feed(text[at : at + size])
        at += size
        if choice.random() < 0.7 or at >= len(text):
            assert markdown.render(force=True)
            assert show(markdown) == render_markdown(text[:at], message_id="m")


def written(text: str, step: int = 12) -> MarkdownStream:
    markdown = MarkdownStream("m")
    for at in range(0, len(text), step):
        markdown.feed(text[at : at + step])
        markdown.render()
    markdown.render(force=True)
    assert show(markdown) == render_markdown(text, message_id="m")
    return markdown


LONG = {
    "paragraph": "The holiday year begins in January, and **unused** days of it `expire` in _March_ of the next. "
    * 200,
    "bullets": "- An item of *some* words [1]\n" * 600,
    "numbers": "".join(f"{n}. Item number {n}\n" for n in range(1, 600)),
    "nested bullets": "- The one item\n" + "  - One of *many* below it\n" * 600,
    "twice nested bullets": "1. First\n   - Second\n" + "     - One of *many* below it\n" * 500,
    "table": "| name | days |\n|:--|--:|\n" + "| Somebody or other | 30 |\n" * 600,
    "code": "```python\n" + "print('a line of code')\n" * 600,
    "highlighted code": "```python\n" + "print('a line of code')\n" * 600 + "```\nWith words behind it.\n" * 3,
    "paragraphs": "A short paragraph, as most are.\n\n" * 500,
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_block_costs_no_more_per_character_than_a_short_one(name: str) -> None:
    text = LONG[name]
    assert written(text).cost <= 40 * len(text)


def cost_of_one(text: str) -> int:
    markdown = MarkdownStream("m")
    markdown.feed(text)
    markdown.render()
    return markdown.cost


@pytest.mark.parametrize(
    "piece",
    ["[", "![", "*a ", "**a ", "> a\n", "`", "$$\n", "|a ", "[9", "<", "&", "~~a ", "\\(", "a_ _b ", "- ", "1. ",
     "> > - ", "-|-\n", "a|b\n-|\n", "```x\n", "x `", "- a\n\n      b\n", "\\"],
)  # fmt: skip
def test_text_that_can_nowhere_be_cut_is_rendered_more_rarely(piece: str) -> None:
    text = piece * (4_000 // len(piece))
    # A rendering may overdraw what was left; the last one is forced.
    assert written(text).cost <= stream.CREDIT + stream.WORTH * len(text) + 2 * cost_of_one(text)


def test_a_block_closes_with_the_blank_line_behind_it_and_then_never_changes() -> None:
    markdown = MarkdownStream("m")
    markdown.feed("first\n\nsec")
    markdown.render()
    assert (markdown.closed, markdown.open_html) == (["<p>first</p>\n"], "<p>sec</p>\n")
    markdown.feed("ond\n")
    markdown.render()
    assert (markdown.closed, markdown.open_html) == (["<p>first</p>\n"], "<p>second</p>\n")
