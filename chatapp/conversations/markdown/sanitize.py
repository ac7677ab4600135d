"""The last step of every rendering: an allow-list over the parsed tree."""

import nh3
from pygments.token import STANDARD_TYPES

_MATH = {
    "math", "mrow", "mi", "mo", "mn", "ms", "msup", "msub", "msubsup", "mfrac", "msqrt", "mroot", "mtext", "mspace",
    "mover", "munder", "munderover", "mtable", "mtr", "mtd", "mstyle", "menclose", "mpadded", "mphantom",
}  # fmt: skip
_TAGS = _MATH | {
    "a", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p",
    "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ALIGNED = {"align-left", "align-center", "align-right"}
_cleaner = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style"},
    attributes={
        "a": {"href", "title", "aria-label"},
        "ol": {"start"},
        "mo": {"stretchy", "fence", "separator", "form", "largeop", "movablelimits"},
        "mi": {"mathvariant"},
        "mstyle": {"displaystyle", "scriptlevel"},
        "mtd": {"columnalign"},
        "mfrac": {"linethickness"},
        "mspace": {"width", "linebreak"},
    },
    allowed_classes={
        "a": {"citation", "citation-weak"},
        "div": {"code-block", "code-head", "table-box", "math", "block", "inline"},
        "pre": {"code"},
        "span": {"bracket", "math", "inline"} | {name for name in STANDARD_TYPES.values() if name},
        "td": _ALIGNED,
        "th": _ALIGNED,
    },
    tag_attribute_values={
        "a": {"data-testid": {"citation"}, "target": {"_blank"}},
        "div": {"tabindex": {"0"}},
        "pre": {"tabindex": {"0"}},
        "math": {"display": {"block", "inline"}},
    },
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow",
)


def sanitize(html: str) -> str:
    return _cleaner.clean(html)
