"""Which text of a slide can be seen: its colour and size against what lies behind it.

Only what is certain counts: text on a picture, a gradient or another shape is taken to be visible.
"""

from typing import Any

from pptx.oxml.ns import qn

from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.parsing.hidden import MIN_POINTS, WHITE, Colour, LeftOut, from_hex, is_same

_HUNDREDTHS = 100
_THEME = {"bg1": "lt1", "bg2": "lt2", "tx1": "dk1", "tx2": "dk2"}
_PAINTED = (qn("a:blipFill"), qn("p:blipFill"), qn("a:gradFill"), qn("a:pattFill"), qn("a:grpFill"))


class Slide:
    def __init__(self, raw: Any, presentation: Any, left_out: LeftOut) -> None:
        self.raw = raw
        self._size = (presentation.slide_width or 0, presentation.slide_height or 0)
        self._left_out = left_out
        self._ground = self._background()

    def text_of(self, shape: Any) -> str:
        """The lines of a shape that a reader of the slide sees."""
        if not shape.has_text_frame:
            return ""
        if self._is_off_slide(shape):
            self._left_out.add(shape.text_frame.text)
            return ""
        ground = self._ground_of(shape)
        lines = (self._line(paragraph, ground) for paragraph in shape.text_frame.paragraphs)
        return clean("\n".join(line for line in lines if line.strip()))

    def _line(self, paragraph: Any, ground: Colour | None) -> str:
        parts = []
        for element in paragraph._p:  # noqa: SLF001 (fields and line breaks are no runs)
            if element.tag == qn("a:br"):
                parts.append("\n")
            elif element.tag in {qn("a:r"), qn("a:fld")}:
                text = element.findtext(qn("a:t")) or ""
                if self._is_invisible(element.find(qn("a:rPr")), ground):
                    self._left_out.add(text)
                else:
                    parts.append(text)
        text = "".join(parts).replace("\v", "\n")
        return f"{'  ' * (paragraph.level - 1)}- {text}" if paragraph.level and text.strip() else text

    def _is_invisible(self, properties: Any, ground: Colour | None) -> bool:
        if properties is None:
            return False
        size = properties.get("sz")
        if size is not None and int(size) < MIN_POINTS * _HUNDREDTHS:
            return True
        if properties.find(qn("a:noFill")) is not None and properties.find(qn("a:ln")) is None:
            return True
        alpha = properties.find(f"{qn('a:solidFill')}//{qn('a:alpha')}")
        if alpha is not None and int(alpha.get("val", "100000").rstrip("%")) < 5_000:
            return True
        return is_same(self._solid(properties), ground)

    def _ground_of(self, shape: Any) -> Colour | None:
        properties = shape._element.find(qn("p:spPr"))  # noqa: SLF001
        if properties is not None:
            if any(properties.find(tag) is not None for tag in _PAINTED):
                return None
            if properties.find(qn("a:solidFill")) is not None:
                return self._solid(properties)
        style = shape._element.find(f"{qn('p:style')}/{qn('a:fillRef')}")  # noqa: SLF001
        if style is not None and style.get("idx") != "0" and (properties is None or not _is_unfilled(properties)):
            return None
        return None if self._lies_on_another(shape) else self._ground

    def _lies_on_another(self, shape: Any) -> bool:
        """On a filled shape or a picture of the slide, its layout or its master, or where that cannot be told."""
        layers = (self.raw.shapes, self.raw.slide_layout.shapes, self.raw.slide_layout.slide_master.shapes)
        return any(
            other.shape_id != shape.shape_id and _is_filled(other) and _overlap(shape, other)
            for layer in layers
            for other in layer
        )

    def _is_off_slide(self, shape: Any) -> bool:
        is_in_group = shape._element.getparent().tag == qn("p:grpSp")  # noqa: SLF001 (places count from the group)
        if is_in_group or None in {shape.left, shape.top, shape.width, shape.height}:
            return False
        width, height = self._size
        return bool(
            shape.left >= width or shape.top >= height or shape.left + shape.width <= 0 or shape.top + shape.height <= 0
        )

    def _background(self) -> Colour | None:
        for layer in (self.raw, self.raw.slide_layout, self.raw.slide_layout.slide_master):
            background = layer._element.find(f".//{qn('p:bg')}")  # noqa: SLF001
            if background is not None:
                properties = background.find(qn("p:bgPr"))
                reference = background.find(qn("p:bgRef"))
                if properties is not None:
                    return self._solid(properties)
                return self._colour(reference) if reference is not None and reference.get("idx") == "1001" else None
        return WHITE

    def _solid(self, properties: Any) -> Colour | None:
        fill = properties.find(qn("a:solidFill"))
        return self._colour(fill) if fill is not None else None

    def _colour(self, parent: Any) -> Colour | None:
        """A plain RGB colour, or one of the theme; shades and tints are not worked out."""
        for element in parent:
            if len(element):
                return None
            if element.tag == qn("a:srgbClr"):
                return from_hex(element.get("val"))
            if element.tag == qn("a:sysClr"):
                return from_hex(element.get("lastClr"))
            if element.tag == qn("a:schemeClr"):
                return self._of_theme(element.get("val", ""))
        return None

    def _of_theme(self, name: str) -> Colour | None:
        master = self.raw.slide_layout.slide_master
        mapping = master._element.find(qn("p:clrMap"))  # noqa: SLF001
        name = (mapping.get(name) if mapping is not None else None) or _THEME.get(name, name)
        for relation in master.part.rels.values():
            if relation.reltype.endswith("/theme"):
                return _theme_colour(relation.target_part.blob, name)
        return None


def _theme_colour(theme: bytes, name: str) -> Colour | None:
    from lxml import etree

    root = etree.fromstring(theme, etree.XMLParser(resolve_entities=False, no_network=True))
    element = root.find(f".//{qn('a:clrScheme')}/{qn('a:' + name)}") if name.isalnum() else None
    if element is None or not len(element):
        return None
    return from_hex(element[0].get("lastClr") or element[0].get("val"))


def _is_filled(shape: Any) -> bool:
    properties = shape._element.find(qn("p:spPr"))  # noqa: SLF001
    if properties is None:
        return not shape.is_placeholder  # groups, tables, diagrams
    if shape._element.tag == qn("p:pic"):  # noqa: SLF001
        return True
    if any(properties.find(tag) is not None for tag in (*_PAINTED, qn("a:solidFill"))):
        return True
    return shape._element.find(qn("p:style")) is not None and not _is_unfilled(properties)  # noqa: SLF001


def _is_unfilled(properties: Any) -> bool:
    return properties.find(qn("a:noFill")) is not None


def _overlap(one: Any, other: Any) -> bool:
    """Also where a place is not known."""
    sides = (one.left, one.top, one.width, one.height, other.left, other.top, other.width, other.height)
    if any(side is None for side in sides):
        return True
    return bool(
        one.left < other.left + other.width
        and other.left < one.left + one.width
        and one.top < other.top + other.height
        and other.top < one.top + one.height
    )
