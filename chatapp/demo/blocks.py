"""Markdown as a list of plain blocks: what the writers of the other formats have in common."""

from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode


@dataclass(frozen=True, slots=True)
class Span:
    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    spans: Spans


@dataclass(frozen=True, slots=True)
class Listing:
    ordered: bool
    items: tuple[Spans, ...]

    def markers(self) -> Iterator[str]:
        for number in range(1, len(self.items) + 1):
            yield f"{number}." if self.ordered else "-"


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` hold the heading row first; all have the same length."""

    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Code:
    text: str


Block = Heading | Paragraph | Listing | Table | Code


def parse_blocks(markdown: str) -> list[Block]:
    """Raises ValueError for a construct that the sources do not use (quotes, nested lists, HTML)."""
    tree = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(markdown))
    return [_block(node) for node in tree.children]


def plain(spans: Spans) -> str:
    return "".join(span.text for span in spans)


def _block(node: SyntaxTreeNode) -> Block:
    match node.type:
        case "heading":
            return Heading(int(node.tag[1:]), plain(_spans(node)))
        case "paragraph":
            return Paragraph(_spans(node))
        case "bullet_list" | "ordered_list":
            return Listing(node.type == "ordered_list", tuple(_item(item) for item in node.children))
        case "table":
            rows = [row for part in node.children for row in part.children]
            return Table(tuple(tuple(plain(_spans(cell)) for cell in row.children) for row in rows))
        case "fence":
            return Code(node.content.rstrip("\n"))
        case other:
            message = f"no format has a way to write {other}"
            raise ValueError(message)


def _item(node: SyntaxTreeNode) -> Spans:
    if [child.type for child in node.children] != ["paragraph"]:
        message = "a list item must be one paragraph"
        raise ValueError(message)
    return _spans(node.children[0])


def _spans(block: SyntaxTreeNode) -> Spans:
    return tuple(_span(node) for inline in block.children for node in inline.children)


def _span(node: SyntaxTreeNode) -> Span:
    match node.type:
        case "text":
            return Span(node.content)
        case "softbreak":
            return Span(" ")
        case "code_inline":
            return Span(node.content, code=True)
        case "strong" | "em":
            text = "".join(child.content for child in node.children)
            return Span(text, bold=node.type == "strong", italic=node.type == "em")
        case other:
            message = f"no format has a way to write {other}"
            raise ValueError(message)
