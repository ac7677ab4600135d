"""Markdown that is still being written."""

from collections.abc import Collection, Sequence
from uuid import UUID

from markdown_it.token import Token

from chatapp.conversations.markdown.code import is_closed
from chatapp.conversations.markdown.cuts import Cut, find_cut, find_cut_of_words, is_over
from chatapp.conversations.markdown.render import (
    Block,
    make_env,
    normalize,
    parse_blocks,
    parse_inline,
    render_block,
)

# Characters that may be parsed for each one that came, and in advance. Common text needs a third of it; text that can
# nowhere be cut (thousands of `[`) is then rendered ever more rarely, so that work still grows with the answer only.
WORTH = 64
CREDIT = 100_000
SQUARE = 500
# A shorter pending text is not worth a cut.
CUT_AT = 160


class MarkdownStream:
    """Feed text in any cuts; after `render`, `closed` and `open_html` are `render_markdown` of all the text.

    Blocks that have closed are rendered once. The open block is `_frozen` HTML and a pending text, which alone is
    parsed again, behind a `Cut` that tells the parser what it is in.
    """

    def __init__(self, message_id: UUID | str, sources: Collection[int] | None = None, *, cut_at: int = CUT_AT) -> None:
        self.closed: list[str] = []
        self.open_html = ""
        self.cost = 0
        self._env = make_env(message_id, sources)
        self._credit = CREDIT
        self._cut_at = cut_at
        self._open("")

    def feed(self, text: str) -> None:
        text = normalize(text)
        self._block += text
        self._pending += text
        self._credit = min(CREDIT, self._credit + WORTH * len(text))

    def render(self, *, force: bool = False) -> bool:
        """False when the text has to wait, as too much was parsed for it already."""
        if self._credit < 0 and not force:
            return False
        self._close_blocks()
        if len(self._pending) >= self._cut_next:
            self._cut()
        self.open_html = self._render_open()
        return True

    def _open(self, text: str) -> None:
        """Begins a block, or begins the open one again from its own start."""
        self._block = self._pending = text
        self._start, self._frozen, self._kind = Cut(0, "", ""), "", ""
        self._cut_next = self._cut_at
        self._complete = 0

    def _close_blocks(self) -> None:
        """A block has closed when a further one starts on a complete line, or when none of its kind could go on.

        Of an incomplete line it is not yet known whether `#` is a heading or the `#1` of a paragraph that goes on.
        """
        complete = self._pending.rfind("\n") + 1
        if complete == self._complete:
            return
        self._complete = complete
        text = self._start.prefix + self._pending[:complete]
        blocks = self._parse(text)
        if blocks and not self._goes_on(blocks[0]):
            self._open(self._block)
            self._close_blocks()
            return
        over = len(blocks) if blocks and is_over(blocks[-1], text) else len(blocks) - 1
        if over < 1:
            return
        html = [render_block(block, self._env) for block in blocks[:over]]
        html[0] = self._frozen + html[0].removeprefix(self._start.shell)
        self.closed += html
        rest = "".join(line + "\n" for line in text.split("\n")[blocks[over].line : -1]) if over < len(blocks) else ""
        self._open(rest + self._pending[complete:])
        self._complete = len(rest)

    def _goes_on(self, block: Block) -> bool:
        """Whether the block behind the cut is still what it was; a fence that closes is highlighted as a whole."""
        first = block.tokens[0]
        return not self._kind or (first.type == self._kind and not (self._kind == "fence" and is_closed(first)))

    def _cut(self) -> None:
        self._cut_next = len(self._pending) + self._cut_at
        text = self._start.prefix + self._pending
        blocks = self._parse(text)
        if len(blocks) != 1 or not self._goes_on(blocks[0]):
            return
        if blocks[0].tokens[0].type == "paragraph_open":
            cut = find_cut_of_words(text, inline=self._inline)
        else:
            text = text[: text.rfind("\n") + 1]
            blocks = self._parse(text)
            cut = find_cut(blocks[0], text, render=self._render) if blocks else None
        if cut and cut.at > len(self._start.prefix):
            self._move_to(cut, text, blocks[0].tokens[0].type)

    def _move_to(self, cut: Cut, text: str, kind: str) -> None:
        before = self._render(text).removeprefix(self._start.shell)
        after = self._render(cut.prefix + text[cut.at :])
        rest = after.removeprefix(cut.shell)
        # What the rules promise is tried as well: a cut that would show anything else is not made.
        if not (after.startswith(cut.shell) and before.endswith(rest)):
            return
        self._frozen += before[: len(before) - len(rest)]
        at = cut.at - len(self._start.prefix)
        self._pending = self._pending[at:]
        self._complete = max(0, self._complete - at)
        self._start, self._kind = cut, kind
        self._cut_next = len(self._pending) + self._cut_at

    def _render_open(self) -> str:
        blocks = self._parse(self._start.prefix + self._pending)
        if blocks and not self._goes_on(blocks[0]):
            return self._render(self._block)
        html = "".join(render_block(block, self._env) for block in blocks)
        return self._frozen + html.removeprefix(self._start.shell)

    def _render(self, text: str) -> str:
        return "".join(render_block(block, self._env) for block in self._parse(text))

    def _inline(self, text: str) -> Sequence[Token]:
        self._spend(len(text) + len(text) ** 2 // SQUARE)
        return parse_inline(text, self._env)

    def _parse(self, text: str) -> list[Block]:
        blocks = parse_blocks(text, self._env)
        inline = (len(token.content) for block in blocks for token in block.tokens if token.type == "inline")
        # The parser's work on thousands of `[` in one paragraph grows with their square.
        self._spend(len(text) + sum(length * length for length in inline) // SQUARE)
        return blocks

    def _spend(self, cost: int) -> None:
        self._credit -= cost
        self.cost += cost
