"""HTML of texts that operators write, for the console's pages."""

from uuid import UUID

from django.utils.safestring import SafeString, mark_safe

from chatapp.conversations.markdown import render_markdown


def render_card(text: str, *, version_id: UUID) -> SafeString:
    """A version's card, without links to sources."""
    return mark_safe(render_markdown(text, message_id=version_id, sources=())) if text else SafeString()  # noqa: S308
