"""What a style attribute of HTML says about whether its text can be seen. Style sheets are not read."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from lxml.html import HtmlElement
from PIL import ImageColor

from chatapp.retrieval.parsing.hidden import BLACK, MIN_POINTS, WHITE, Colour, is_same

_POINTS = {"px": 0.75, "pt": 1.0, "em": 12.0, "rem": 12.0, "%": 0.12, "": 0.75}
_LENGTH = re.compile(r"(-?[0-9]{0,9}(?:\.[0-9]{1,9})?)([a-z%]{0,3})")
_FAR_OUT = -375.0  # points; what is moved further left or up than a screen is out of it
_ALPHA_PARTS = 4
_TRANSPARENT = 0.05


@dataclass(frozen=True, slots=True)
class Look:
    """Colours that hold for an element's text; None where they are not known, as over a picture."""

    colour: Colour | None = BLACK
    ground: Colour | None = WHITE
    is_hidden: bool = False


def look_of(element: HtmlElement, outer: Look) -> Look:
    if not element.attrib:
        return outer
    style, is_out_of_sight = _read_style(element.get("style") or "")
    look = outer
    if colour := style.get("color") or element.get("color"):
        look = replace(look, colour=_parsed(colour))
    ground = style.get("background-color") or style.get("background") or element.get("bgcolor")
    if ground or "background-image" in style or element.get("background"):
        look = replace(look, ground=_ground(ground or "", look.ground) if "background-image" not in style else None)
    is_invisible = "hidden" in element.attrib or is_out_of_sight or _is_clear(style.get("color", ""))
    return replace(look, is_hidden=is_invisible or is_same(look.colour, look.ground))


@lru_cache(maxsize=1_000)
def _read_style(text: str) -> tuple[dict[str, str], bool]:
    pairs = (declaration.partition(":") for declaration in text.lower().split(";"))
    style = {name.strip(): value.replace("!important", "").strip() for name, _, value in pairs if value.strip()}
    return style, _is_out_of_sight(style)


def _is_out_of_sight(style: dict[str, str]) -> bool:
    return (
        style.get("display") == "none"
        or style.get("visibility") in {"hidden", "collapse"}
        or _number(style.get("opacity")) < _TRANSPARENT
        or _points(style.get("font-size")) < MIN_POINTS
        or _is_clipped(style)
        or any(_points(style.get(name)) < _FAR_OUT for name in ("left", "top", "text-indent", "margin-left"))
    )


def _is_clipped(style: dict[str, str]) -> bool:
    sizes = (_points(style.get(name)) for name in ("height", "max-height", "width", "max-width"))
    return style.get("overflow") in {"hidden", "clip"} and any(size <= 1 for size in sizes)


def _number(value: str | None) -> float:
    try:
        return float(value) if value else 1.0
    except ValueError:
        return 1.0


def _points(value: str | None) -> float:
    """A length that is not understood is of ordinary size."""
    found = _LENGTH.fullmatch(value or "")
    if found is None or not found[1].strip("-."):
        return 12.0
    return float(found[1]) * _POINTS.get(found[2], 12.0)


def _ground(value: str, below: Colour | None) -> Colour | None:
    if "url(" in value or "gradient" in value:
        return None
    if value in {"transparent", "none", "inherit", "initial"} or _is_clear(value):
        return below
    return _parsed(value)


def _is_clear(value: str) -> bool:
    parts = value.removesuffix(")").replace("/", ",").split(",")
    is_last_alpha = value.startswith(("rgba(", "hsla(", "rgb(")) and len(parts) == _ALPHA_PARTS
    return value == "transparent" or (is_last_alpha and _number(parts[-1].strip()) < _TRANSPARENT)


def _parsed(value: str) -> Colour | None:
    try:
        return ImageColor.getrgb(value.strip())[:3]
    except ValueError:
        return None
