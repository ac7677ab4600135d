"""`[n]` in an answer becomes a link to source n of that answer."""

import re
from collections.abc import Collection, Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

MAX_DIGITS = 2
_MARK = re.compile(r"\[([0-9]{1,2})\]")


def cites_only(text: str, sources: Collection[int]) -> bool:
    """Whether no `[n]` in the text, wherever it stands, is of a source that is not there."""
    return all(int(n) in sources for n in _MARK.findall(text))


def _citation(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- markdown-it's signature
    start = state.pos + 1
    if state.src[state.pos] != "[":
        return False
    end = state.src.find("]", start, start + MAX_DIGITS + 1)
    number = state.src[start:end] if end != -1 else ""
    if not (number.isascii() and number.isdigit()) or state.src[end + 1 : end + 2] == "(":
        return False
    known = state.env["sources"]
    if known is not None and int(number) not in known:
        return False
    if not silent:
        state.push("citation", "a", 0).content = str(int(number))
    state.pos = end + 1
    return True


def _render(_: RendererHTML, tokens: Sequence[Token], index: int, __: OptionsDict, env: EnvType) -> str:
    n = tokens[index].content
    # The brackets are hidden by style but stay in what a reader copies.
    return (
        f'<a class="citation" data-testid="citation" href="#source-{env["message_id"]}-{n}" aria-label="Source {n}">'
        f'<span class="bracket">[</span>{n}<span class="bracket">]</span></a>'
    )


def citation_plugin(md: MarkdownIt) -> None:
    md.inline.ruler.before("link", "citation", _citation)
    md.add_render_rule("citation", _render)
