r"""Formulas to MathML: `$…$` inside text by the plugin, `\(…\)`, `\[…\]` and blocks of `$$` by the rules here."""

from collections.abc import Sequence
from typing import Any

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.dollarmath.index import math_inline_dollar

MAX_FORMULA = 2_000
_CLOSING = {"\\(": "\\)", "\\[": "\\]"}


def render_formula(tex: str, options: dict[str, Any]) -> str:
    if len(tex) <= MAX_FORMULA:
        try:
            return str(convert(tex, display="block" if options.get("display_mode") else "inline"))
        except Exception:  # noqa: BLE001, S110 -- a malformed formula makes the converter raise anything
            pass
    return f"<code>{escapeHtml(tex)}</code>"


_find_dollars = math_inline_dollar(allow_space=False, allow_digits=False, allow_double=True)


def _dollar_formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- markdown-it's signature
    """The plugin's rule looks at the character before a formula; for one at the start Python gives it the last one."""
    if state.pos > 0:
        return _find_dollars(state, silent)
    text = state.src
    state.src = text + " "
    try:
        return _find_dollars(state, silent)
    finally:
        state.src = text


def _backslash_formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- markdown-it's signature
    opening = state.src[state.pos : state.pos + 2]
    closing = _CLOSING.get(opening)
    if closing is None:
        return False
    end = state.src.find(closing, state.pos + 2, state.pos + 2 + MAX_FORMULA)
    if end == -1:
        return False
    if not silent:
        token = state.push("math_inline" if opening == "\\(" else "math_inline_double", "math", 0)
        token.content = state.src[state.pos + 2 : end]
    state.pos = end + 2
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].strip()


def _formula_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 -- as above
    """Lines from `$$` to the next `$$` or blank line.

    Like a fence it is decided line by line: the plugin's own rule looks ahead for the end and so would turn
    paragraphs that were already shown into a formula.
    """
    if state.is_code_block(start) or not _line(state, start).startswith("$$"):
        return False
    opening = _line(state, start)
    if silent:
        return True
    closed = len(opening) > 3 and opening.endswith("$$")
    last = start
    while not closed and last + 1 < end and not state.isEmpty(last + 1) and state.sCount[last + 1] >= state.blkIndent:
        last += 1
        closed = _line(state, last).endswith("$$")
    content = state.getLines(start, last + 1, state.blkIndent, False).strip()
    token = state.push("math_block" if closed else "math_unclosed", "math", 0)
    token.content = content[2:-2] if closed else content
    token.map = [start, last + 1]
    state.line = last + 1
    return True


def _render_unclosed(_: RendererHTML, tokens: Sequence[Token], index: int, __: OptionsDict, ___: EnvType) -> str:
    return f"<p>{escapeHtml(tokens[index].content)}</p>\n"


def formula_plugin(md: MarkdownIt) -> None:
    md.use(
        dollarmath_plugin,
        renderer=render_formula,
        allow_labels=False,
        allow_space=False,
        allow_digits=False,
        allow_blank_lines=False,
        double_inline=True,
    )
    md.inline.ruler.at("math_inline", _dollar_formula)
    md.block.ruler.at("math_block", _formula_block)
    md.add_render_rule("math_unclosed", _render_unclosed)
    md.inline.ruler.before("escape", "backslash_formula", _backslash_formula)
