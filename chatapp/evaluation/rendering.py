"""HTML of the answers that voters compare: as the chat page shows an answer, but without its sources."""

from django.utils.safestring import SafeString, mark_safe

from chatapp.conversations.markdown import render_markdown


def render_answer(text: str, *, side: str) -> SafeString:
    """Its citations are numbers that lead nowhere."""
    return mark_safe(render_markdown(text, message_id=side, sources=()))  # noqa: S308 -- render_markdown sanitises
