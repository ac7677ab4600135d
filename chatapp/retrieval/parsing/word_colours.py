"""Which runs of a Word document nobody sees: hidden, tiny, or in the colour of what lies behind them.

Direct formatting comes before the run's style, that before the paragraph's, that before the document's defaults.
"""

from collections.abc import Iterator
from typing import Any

from docx.document import Document
from docx.oxml.ns import qn

from chatapp.retrieval.parsing.hidden import MIN_POINTS, WHITE, Colour, LeftOut, from_hex, is_same

_OFF = frozenset({"0", "false", "off"})
_HALF_POINTS = 2
_THEME = {"background1": WHITE, "light1": WHITE}
_MAX_STYLES = 20
_HIGHLIGHTS = {"white": WHITE, "black": (0, 0, 0), "none": None}


def remove_invisible(document: Document, *roots: Any) -> LeftOut:
    """Takes such runs out of these elements of the document, in place."""
    looks = _Looks(document)
    left_out = LeftOut()
    for run in (run for root in roots for run in root.iter(qn("w:r"))):
        hidden = run.findall(qn("w:t"))
        if hidden and looks.is_invisible(run):
            left_out.add("".join(text.text or "" for text in hidden))
            for content in hidden:
                run.remove(content)
    return left_out


class _Looks:
    def __init__(self, document: Document) -> None:
        styles = document.styles.element
        self._styles = {style.get(qn("w:styleId")): style for style in styles.iter(qn("w:style"))}
        self._defaults = styles.find(f"{qn('w:docDefaults')}/{qn('w:rPrDefault')}/{qn('w:rPr')}")
        page = document.element.find(qn("w:background"))
        self._page = WHITE if page is None else _colour(page, "color")

    def is_invisible(self, run: Any) -> bool:
        paragraph = next(run.iterancestors(qn("w:p")), None)
        hidden = colour = size = None
        for properties in self._properties(run, paragraph):
            hidden = _first(hidden, properties.find(qn("w:vanish")))
            colour = _first(colour, properties.find(qn("w:color")))
            size = _first(size, properties.find(qn("w:sz")))
        if hidden is not None and (hidden.get(qn("w:val")) or "").lower() not in _OFF:
            return True
        if size is not None and _half_points(size) < MIN_POINTS * _HALF_POINTS:
            return True
        return colour is not None and is_same(_colour(colour, "val"), self._ground(run, paragraph))

    def _properties(self, run: Any, paragraph: Any) -> Iterator[Any]:
        direct = run.find(qn("w:rPr"))
        if direct is not None:
            yield direct
            yield from self._of_style(direct.find(qn("w:rStyle")))
        if paragraph is not None:
            yield from self._of_style(paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}"))
        if self._defaults is not None:
            yield self._defaults

    def _of_style(self, named: Any) -> Iterator[Any]:
        """A style and those that it is based on; a circle ends."""
        for _ in range(_MAX_STYLES):
            style = self._styles.get(named.get(qn("w:val"))) if named is not None else None
            if style is None:
                return
            properties = style.find(qn("w:rPr"))
            if properties is not None:
                yield properties
            named = style.find(qn("w:basedOn"))

    def _ground(self, run: Any, paragraph: Any) -> Colour | None:
        """What lies behind: highlight or shading of the run, its paragraph, its cell; None where a style may say."""
        properties = run.find(qn("w:rPr"))
        highlight = properties.find(qn("w:highlight")) if properties is not None else None
        if highlight is not None:
            return _HIGHLIGHTS.get(highlight.get(qn("w:val")) or "")
        places = [properties]
        if paragraph is not None:
            places.append(paragraph.find(qn("w:pPr")))
        places += [cell.find(qn("w:tcPr")) for cell in run.iterancestors(qn("w:tc"))]
        for place in places:
            shading = place.find(qn("w:shd")) if place is not None else None
            fill = shading.get(qn("w:fill")) if shading is not None else None
            if fill and fill != "auto":
                return _colour(shading, "fill")
        is_open = any(True for _ in run.iterancestors(qn("w:txbxContent"))) or self._is_shaded_by_style(run, paragraph)
        return None if is_open else self._page

    def _is_shaded_by_style(self, run: Any, paragraph: Any) -> bool:
        tables = (table.find(f"{qn('w:tblPr')}/{qn('w:tblStyle')}") for table in run.iterancestors(qn("w:tbl")))
        named = [paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}") if paragraph is not None else None, *tables]
        for style in named:
            for _ in range(_MAX_STYLES):
                found = self._styles.get(style.get(qn("w:val"))) if style is not None else None
                if found is None:
                    break
                if next(found.iter(qn("w:shd")), None) is not None:
                    return True
                style = found.find(qn("w:basedOn"))  # noqa: PLW2901 (up the chain)
        return False


def _first(held: Any, found: Any) -> Any:
    return found if held is None else held


def _half_points(size: Any) -> float:
    value = size.get(qn("w:val")) or ""
    return float(value) if value.isascii() and value.isdigit() else 24.0


def _colour(element: Any, attribute: str) -> Colour | None:
    theme = element.get(qn("w:themeFill" if attribute == "fill" else "w:themeColor"))
    if theme is not None:
        is_plain = not any(name.endswith(("Tint", "Shade")) for name in element.attrib)
        return _THEME.get(theme) if is_plain else None
    return from_hex(element.get(qn(f"w:{attribute}")))
