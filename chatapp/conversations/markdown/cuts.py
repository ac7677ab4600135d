"""Where an open block may be cut in two, so that what stands before the cut is rendered once and never again.

Behind a cut the parser goes on with a short text in the place of all that was before: the line that opened a fence, the
head of a table, an empty item of a list, the letter `x` of a paragraph. Whatever comes later cannot change what was
before the cut; that is what the rules here are about.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from chatapp.conversations.markdown.code import is_closed
from chatapp.conversations.markdown.render import Block

_CODE_END, _TABLE_END = "</code></pre></div>\n", "</table></div>\n"
_EMPTY_ITEM = "<li></li>\n"
_ITEM = re.compile(r" *(?:[-+*]|\d{1,9}[.)])")
_ITEM_OF_TEXT = re.compile(_ITEM.pattern + r" {1,4}(?=\S)")
_LISTS = {"bullet_list_open", "ordered_list_open"}
_LIST_ENDS = {"bullet_list_close", "ordered_list_close"}
_ENDED_BY_BLANK = {"paragraph_open", "table_open", "blockquote_open", "math_unclosed"}
# A single space or line end between two words: no hard break, no indentation.
_GAP = re.compile(r"(?<=\S)[ \n](?=\S)")
# What may begin something inline that ends far behind; not the `_` inside a word, nor what a space follows.
_PENDING = re.compile(r"[`\[$]|(?<![^\W_])(?<!_)_+(?![ \t\n_])|[*~](?![ \t\n])|&(?=[\w#])|<(?=[A-Za-z])")

Render = Callable[[str], str]
Inline = Callable[[str], Sequence[Token]]


@dataclass(frozen=True, slots=True)
class Cut:
    """The text from `at` on, behind `prefix`, renders to `shell` and all the rest of the block's HTML."""

    at: int
    prefix: str
    shell: str


def is_over(block: Block, text: str) -> bool:
    """Whether no further line can belong to the last block of a text of complete lines."""
    first = block.tokens[0]
    if first.type == "fence":
        return is_closed(first)
    last = text[text.rfind("\n", 0, -1) + 1 :]
    if first.type in {"heading_open", "hr", "math_block"}:
        return "|" not in last  # Else a row of dashes would make it the head of a table.
    return not last.strip(" \t\n") and first.type in _ENDED_BY_BLANK


def find_cut(block: Block, text: str, *, render: Render) -> Cut | None:
    """`text` is complete lines of one open block that is no paragraph."""
    lines = [line + "\n" for line in text.split("\n")[:-1]]
    kind = block.tokens[0].type
    if kind == "fence" and len(lines) > block.line + 1:
        head = lines[block.line]
        return Cut(len(text), head, render(head).removesuffix(_CODE_END))
    if kind == "table_open":
        return _cut_table(block, lines, render)
    return _cut_list(block, lines, render) if kind in _LISTS else None


def _cut_table(block: Block, lines: list[str], render: Render) -> Cut:
    """Before the last row."""
    row = [token for token in block.tokens if token.type == "tr_open"][-1]
    head = "".join(lines[block.line : block.line + 2])
    return Cut(_offset(lines, row), head, render(head).removesuffix(_TABLE_END) + "<tbody>\n")


def _cut_list(block: Block, lines: list[str], render: Render) -> Cut | None:
    """Before the last item; where a list is the end of that item, before the last item of that, and so on.

    Never before the first: with a row of dashes below, its line would be the head of a table instead.
    """
    tokens, ancestors, cut = block.tokens, "", None
    while tokens:
        level = tokens[0].level
        items = [n for n, token in enumerate(tokens) if token.type == "list_item_open" and token.level == level + 1]
        item, children = tokens[items[-1]], tokens[items[-1] + 1 : -2]
        line = lines[_line(item)]
        marker, words = _ITEM.match(line), _ITEM_OF_TEXT.match(line)
        if not marker:  # A list that begins on the line of its parent.
            break
        if len(items) > 1:
            cut = _offset(lines, item), f"{ancestors}{marker[0]}\n"
        if not (words and children and children[0].type == "paragraph_open"):
            break
        ancestors += f"{words[0]}x\n\n"  # An empty item, which follows, cannot interrupt a paragraph.
        nested = [n for n, token in enumerate(children) if token.type in _LISTS and token.level == level + 2]
        tokens = children[nested[-1] :] if nested and children[-1].type in _LIST_ENDS else []
    if cut is None:
        return None
    html = render(cut[1])
    return Cut(*cut, html[: html.rindex(_EMPTY_ITEM) + len(_EMPTY_ITEM)])


def _line(token: Token) -> int:
    return token.map[0] if token.map else 0


def _offset(lines: list[str], token: Token) -> int:
    return sum(map(len, lines[: _line(token)]))


def find_cut_of_words(text: str, *, inline: Inline) -> Cut | None:
    """`text` is a paragraph whose last line may be incomplete."""
    gaps = [gap.start() for gap in _GAP.finditer(text)]
    pending = _PENDING.search(text)
    safe = pending.start() if pending else len(text)
    if "\\" in text:
        safe = min(safe, text.index("\\"))
    for at in [*gaps[-1:], *[gap for gap in gaps if gap < safe][-1:]]:
        if not _may_head_table(text[:at]) and (at < safe or _is_settled(text[:at], inline)):
            return Cut(at, "x", "<p>x")
    return None


def _may_head_table(text: str) -> bool:
    """A row of dashes would make the last line the head of a table."""
    return "|" in text[text.rfind("\n") + 1 :]


def _is_settled(text: str, inline: Inline) -> bool:
    """Whether all that may begin something has ended: nothing of it is left in the text beside code and formulas."""
    tokens = inline(text)
    backslashes = sum(token.content.count("\\") for token in tokens if token.type in {"code_inline", "math_inline"})
    loose = [token.content for token in tokens if token.type == "text"]
    return text.count("\\") == backslashes and not any(_PENDING.search(content) for content in loose)
