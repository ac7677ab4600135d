"""`[n]` in an answer becomes a link to source n of that answer."""

import re
from collections.abc import Collection, Iterable, Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

MAX_DIGITS = 2
_MARK = re.compile(r"\[([0-9]{1,2})\]")
# Stands in a weak citation, `[\ufdd01]`, while the text is parsed. A noncharacter: in no text does it mean anything.
_WEAK = "\ufdd0"


def cites_only(text: str, sources: Collection[int]) -> bool:
    """Whether no `[n]` in the text, wherever it stands, is of a source that is not there."""
    return all(int(n) in sources for n in _MARK.findall(text))


def mark_weak(text: str, weak: Iterable[int]) -> str:
    """The text, with the citations at these offsets marked for the parser, and no other ones."""
    text = text.replace(_WEAK, "\ufffd")
    for at in sorted(weak, reverse=True):
        if _MARK.match(text, at):
            text = f"{text[: at + 1]}{_WEAK}{text[at + 1 :]}"
    return text


def unmark(html: str) -> str:
    """Where the parser saw no citation, as in code."""
    return html.replace(_WEAK, "")


def _citation(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 -- markdown-it's signature
    start = state.pos + 1
    if state.src[state.pos] != "[":
        return False
    is_weak = state.src.startswith(_WEAK, start)
    start += is_weak
    end = state.src.find("]", start, start + MAX_DIGITS + 1)
    number = state.src[start:end] if end != -1 else ""
    if not (number.isascii() and number.isdigit()) or state.src[end + 1 : end + 2] == "(":
        return False
    known = state.env["sources"]
    if known is not None and int(number) not in known:
        return False
    if not silent:
        token = state.push("citation", "a", 0)
        token.content, token.meta = str(int(number)), {"is_weak": is_weak}
    state.pos = end + 1
    return True


def _render(_: RendererHTML, tokens: Sequence[Token], index: int, __: OptionsDict, env: EnvType) -> str:
    n, is_weak = tokens[index].content, tokens[index].meta["is_weak"]
    kind, label = ("citation citation-weak", f"Source {n}, weak support") if is_weak else ("citation", f"Source {n}")
    # The brackets are hidden by style but stay in what a reader copies.
    return (
        f'<a class="{kind}" data-testid="citation" href="#source-{env["message_id"]}-{n}" aria-label="{label}">'
        f'<span class="bracket">[</span>{n}<span class="bracket">]</span></a>'
    )


def citation_plugin(md: MarkdownIt) -> None:
    md.inline.ruler.before("link", "citation", _citation)
    md.add_render_rule("citation", _render)
