"""Markdown: top-level blocks as CommonMark and GitHub's tables define them, with their source text."""

import re
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatapp.retrieval.parsing import Block, BlockKind, Parsed
from chatapp.retrieval.parsing.cleaning import clean, decode

_FRONT_MATTER = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.DOTALL)
# Pictures and HTML comments say nothing to a reader of passages; an image keeps its description.
_IMAGE = re.compile(r"!\[([^\]\n]*)\]\([^)\n]*\)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_KINDS = {
    "heading_open": BlockKind.HEADING,
    "table_open": BlockKind.TABLE,
    "fence": BlockKind.CODE,
    "code_block": BlockKind.CODE,
}


def parse(path: Path) -> Parsed:
    return parse_markdown(clean(decode(path.read_bytes())))


def parse_markdown(text: str) -> Parsed:
    text = _COMMENT.sub("", _FRONT_MATTER.sub("", text + "\n"))
    lines = text.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    blocks = [_block(tokens, index, lines) for index, token in enumerate(tokens) if _opens_block(token)]
    return Parsed(blocks=[block for block in blocks if block.text.strip()])


def _opens_block(token: Token) -> bool:
    return token.level == 0 and token.map is not None and token.nesting >= 0 and token.type != "hr"


def _block(tokens: list[Token], index: int, lines: list[str]) -> Block:
    token = tokens[index]
    first, last = token.map or [0, 0]
    kind = _KINDS.get(token.type, BlockKind.TEXT)
    if kind is BlockKind.HEADING:
        return Block(kind, _plain(tokens[index + 1]), level=int(token.tag[1]))
    source = "\n".join(lines[first:last]).strip("\n")
    if kind is BlockKind.CODE:
        return Block(kind, source)
    return Block(kind, "\n".join(line.rstrip() for line in _IMAGE.sub(r"\1", source).split("\n")))


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or [] if child.type in {"text", "code_inline"}).strip()
