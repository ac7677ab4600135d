"""HTML: headings, paragraphs, lists, tables and code as they are shown. Nothing is fetched, nothing is run."""

import re
from pathlib import Path

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from chatapp.retrieval.parsing import Block, BlockKind, Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.cleaning import clean, decode
from chatapp.retrieval.parsing.hidden import LeftOut
from chatapp.retrieval.parsing.spans import Cell, spread
from chatapp.retrieval.parsing.styles import Look, look_of
from chatapp.retrieval.parsing.tables import table_blocks

_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_HEAD_BYTES = 4096
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
# Never shown as text, or the same on every page of a site.
_DROPPED = frozenset({
    "head", "script", "style", "template", "noscript", "iframe", "object", "embed", "applet", "svg", "math", "canvas",
    "audio", "video", "select", "datalist", "textarea", "button", "nav",
})  # fmt: skip
_INLINE = frozenset({
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "label", "mark", "nobr", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub",
    "sup", "time", "tt", "u", "var", "wbr",
})  # fmt: skip
_VOID = frozenset({"br", "img"})


def parse(path: Path) -> Parsed:
    return parse_html(path.read_bytes())


def parse_html(data: bytes) -> Parsed:
    """Raises ParsingError: EMPTY, NOT_TEXT, DAMAGED."""
    parser = HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = document_fromstring(_decoded(data).encode(), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError):
        raise ParsingError(Reason.DAMAGED) from None
    title = " ".join(clean(root.findtext(".//title") or "").split())
    reader = _Reader()
    reader.walk(root, Look())
    reader.end_paragraph()
    return Parsed(blocks=reader.blocks, title=title, notes=reader.left_out.notes())


def _decoded(data: bytes) -> str:
    declared = _CHARSET.search(data[:_HEAD_BYTES])
    if declared:
        try:
            return clean(data.decode(declared[1].decode()))
        except (LookupError, UnicodeDecodeError, ValueError):
            pass
    return clean(decode(data))


class _Reader:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.left_out = LeftOut()
        self._held: list[str] = []
        self._bullet = ""

    def walk(self, element: HtmlElement, outer: Look) -> None:
        look = look_of(element, outer)
        if self._is_dropped(element, look):
            return
        tag = str(element.tag)
        if tag in _HEADINGS:
            self._add(BlockKind.HEADING, self._text_of(element, look), level=_HEADINGS[tag])
        elif tag == "pre":
            self._add(BlockKind.CODE, element.text_content())
        elif tag == "table" and not _is_layout(element):
            self._add_table(element, look)
        else:
            self._walk_inside(element, look)

    def end_paragraph(self) -> None:
        lines = "".join(self._held).split("\n")
        self._held.clear()
        self._add(BlockKind.TEXT, "\n".join(" ".join(line.split()) for line in lines).strip())

    def _walk_inside(self, element: HtmlElement, look: Look) -> None:
        tag = str(element.tag)
        is_block = tag not in _INLINE
        if is_block:
            self.end_paragraph()
        if tag == "li":
            self._bullet = _bullet(element)
        self._held.append(element.text or "")
        for child in element:
            if child.tag in _VOID:
                self._held.append("\n" if child.tag == "br" else f" {child.get('alt') or ''} ")
            else:
                self.walk(child, look)
            self._held.append(child.tail or "")
        if is_block:
            self.end_paragraph()

    def _text_of(self, element: HtmlElement, look: Look) -> str:
        """Of a heading or a cell in one line, without what is hidden."""
        parts = [element.text or ""]
        for child in element:
            inner = look_of(child, look)
            gap = "" if child.tag in _INLINE else " "
            text = "" if self._is_dropped(child, inner) else self._text_of(child, inner)
            parts += [gap, text, gap, child.tail or ""]
        return "".join(parts)

    def _is_dropped(self, element: HtmlElement, look: Look) -> bool:
        if element.tag in _DROPPED:
            return True
        if look.is_hidden:
            self.left_out.add(element.text_content())
        return look.is_hidden

    def _add(self, kind: BlockKind, text: str, *, level: int = 0) -> None:
        if kind is not BlockKind.TEXT:
            self.end_paragraph()
        text = clean(" ".join(text.split()) if kind is BlockKind.HEADING else text)  # entities may spell anything
        if not text.strip():
            return
        if kind is BlockKind.TEXT:
            text, self._bullet = self._bullet + text, ""
        self.blocks.append(Block(kind, text, level=level))

    def _add_table(self, table: HtmlElement, outer: Look) -> None:
        self.end_paragraph()
        for caption in table.iterchildren("caption"):
            self._add(BlockKind.TEXT, " ".join(self._text_of(caption, look_of(caption, outer)).split()))
        rows = []
        for row in table.iter("tr"):
            parent = row.getparent()
            look = look_of(row, look_of(parent, outer))
            if not self._is_dropped(row, look):
                rows.append([self._cell(cell, look_of(cell, look)) for cell in row.iterchildren("td", "th")])
        self.blocks.extend(table_blocks(spread(rows)))

    def _cell(self, cell: HtmlElement, look: Look) -> Cell:
        text = "" if self._is_dropped(cell, look) else clean(self._text_of(cell, look))
        return Cell(text, _span(cell, "colspan"), _span(cell, "rowspan"))


def _is_layout(table: HtmlElement) -> bool:
    """Tables that hold tables, headings or only one column arrange a page, as e-mails do."""
    if next(table.iterdescendants("table", *_HEADINGS), None) is not None:
        return True
    return all(len(row) <= 1 for row in table.iter("tr"))


def _span(cell: HtmlElement, name: str) -> int:
    value = (cell.get(name) or "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 1


def _bullet(item: HtmlElement) -> str:
    parent = item.getparent()
    if parent is None or parent.tag != "ol":
        return "- "
    return f"{len(list(item.itersiblings('li', preceding=True))) + 1}. "
