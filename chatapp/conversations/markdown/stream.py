"""Markdown that is still being written."""

from collections.abc import Collection
from uuid import UUID

from chatapp.conversations.markdown.render import make_env, normalize, parse_blocks, render_block


class MarkdownStream:
    """Feed text in any cuts; all that `flush` returned plus `open_html` equals `render_markdown` of all the text.

    Only the text from the last top-level block on is kept and parsed again, so the work grows with the answer.
    """

    def __init__(self, message_id: UUID | str, sources: Collection[int] | None = None) -> None:
        self._env = make_env(message_id, sources)
        self._tail = ""

    def feed(self, text: str) -> None:
        self._tail += normalize(text)

    def flush(self) -> list[str]:
        """HTML of the blocks that closed since the last call.

        A block has closed when a further one starts on a complete line: of an incomplete one it is not yet
        known whether `#` is a heading or the `#1` of a paragraph that goes on.
        """
        complete = self._tail[: self._tail.rfind("\n") + 1]
        blocks = parse_blocks(complete, self._env)
        if len(blocks) < 2:
            return []
        self._tail = "\n".join(self._tail.split("\n")[blocks[-1].line :])
        return [render_block(block, self._env) for block in blocks[:-1]]

    @property
    def open_html(self) -> str:
        return "".join(render_block(block, self._env) for block in parse_blocks(self._tail, self._env))
