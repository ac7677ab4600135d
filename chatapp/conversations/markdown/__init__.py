"""Markdown of models to HTML that is safe to insert. The page shows no model output that did not pass here."""

from chatapp.conversations.markdown.citations import cites_only
from chatapp.conversations.markdown.render import render_markdown
from chatapp.conversations.markdown.stream import MarkdownStream

__all__ = ["MarkdownStream", "cites_only", "render_markdown"]
