"""Text to top-level blocks to HTML. Each block is rendered alone, so a stream can emit it once it has closed."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from chatapp.conversations.markdown.citations import citation_plugin, mark_weak, unmark
from chatapp.conversations.markdown.code import render_code
from chatapp.conversations.markdown.formulas import formula_plugin
from chatapp.conversations.markdown.sanitize import sanitize
from chatapp.invisible import without_smuggled

_SCHEMES = ("http://", "https://", "mailto:")
_ALIGNMENT = {f"text-align:{side}": f"align-{side}" for side in ("left", "center", "right")}


@dataclass(frozen=True, slots=True)
class Block:
    """A top-level block; `line` is where it starts in the text that was parsed."""

    line: int
    tokens: Sequence[Token]


def _render_code(_: RendererHTML, tokens: Sequence[Token], index: int, __: OptionsDict, ___: EnvType) -> str:
    return render_code(tokens[index])


def _render_image(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    # An image would tell its server who reads what; only its description is shown.
    return escapeHtml(self.renderInlineAsText(tokens[index].children or [], options, env))


def _render_link(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    token = tokens[index]
    href = str(token.attrGet("href") or "")
    token.attrs = {"href": href, "target": "_blank", "title": _host(href)}
    return self.renderToken(tokens, index, options, env)


def _host(href: str) -> str:
    try:
        return urlsplit(href).netloc or href
    except ValueError:
        return href


def _render_cell(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    token = tokens[index]
    style = str(token.attrs.pop("style", ""))
    if style in _ALIGNMENT:
        token.attrs["class"] = _ALIGNMENT[style]
    return self.renderToken(tokens, index, options, env)


def _bare_first_paragraphs(state: StateCore) -> None:
    """The paragraph that begins an item of a list is bare, and no other; CommonMark decides by the whole list."""
    parents = [""]
    for index, token in enumerate(state.tokens):
        if token.type == "paragraph_open" and parents[-1] == "list_item_open":
            token.hidden = state.tokens[index + 2].hidden = state.tokens[index - 1].type == "list_item_open"
        if token.nesting > 0:
            parents.append(token.type)
        elif token.nesting < 0:
            parents.pop()


def _open_table(*_: Any) -> str:
    return '<div class="table-box" tabindex="0"><table>\n'


def _close_table(*_: Any) -> str:
    return "</table></div>\n"


def _make_parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    # A link definition changes text far above it, a line of dashes would make the paragraph above it a heading, and
    # a blank line all items of its list loose: without them nothing that is shown depends on what comes later.
    md.disable(["reference", "lheading"]).use(formula_plugin).use(citation_plugin)
    md.core.ruler.after("block", "first_paragraphs", _bare_first_paragraphs)
    md.validateLink = lambda url: url.strip().lower().startswith(_SCHEMES)  # type: ignore[method-assign]
    for name, rule in {
        "fence": _render_code,
        "code_block": _render_code,
        "image": _render_image,
        "link_open": _render_link,
        "th_open": _render_cell,
        "td_open": _render_cell,
        "table_open": _open_table,
        "table_close": _close_table,
    }.items():
        md.add_render_rule(name, rule)
    return md


_parser = _make_parser()


def normalize(text: str, *, weak: Iterable[int] = ()) -> str:
    """One kind of line end, so that line numbers mean the same to the parser and to the stream; nothing unseen."""
    return without_smuggled(mark_weak(text, weak).replace("\r", ""))


def make_env(message_id: UUID | str, sources: Collection[int] | None = None) -> dict[str, Any]:
    return {"message_id": escapeHtml(str(message_id)), "sources": sources}


def parse_blocks(text: str, env: dict[str, Any]) -> list[Block]:
    blocks: list[Block] = []
    group: list[Token] = []
    for token in _parser.parse(text, env):
        group.append(token)
        if token.level == 0 and token.nesting <= 0:
            start = group[0].map
            blocks.append(Block(start[0] if start else 0, group))
            group = []
    return blocks


def parse_inline(text: str, env: dict[str, Any]) -> Sequence[Token]:
    return _parser.parseInline(text, env)[0].children or []


def render_block(block: Block, env: dict[str, Any]) -> str:
    return sanitize(_parser.renderer.render(block.tokens, _parser.options, env))


def render_markdown(
    text: str, *, message_id: UUID | str, sources: Collection[int] | None = None, weak: Iterable[int] = ()
) -> str:
    """Safe HTML. `[n]` links to `#source-<message_id>-<n>`: for every n, or only for those in `sources` when given.

    At the offsets `weak` the text has citations that are to be told from the others.
    """
    env = make_env(message_id, sources)
    blocks = parse_blocks(normalize(text, weak=weak), env)
    return unmark("".join(render_block(block, env) for block in blocks))
