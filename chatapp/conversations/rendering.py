"""HTML of messages, for views and the socket alike. Models' text becomes HTML here and in `markdown` only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from zlib import crc32

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from chatapp.accounts.models import User
from chatapp.conversations.budget import percent_filled
from chatapp.conversations.bylines import byline_of
from chatapp.conversations.markdown import cites_only, render_markdown
from chatapp.conversations.models import NO_MODEL, Conversation, MessageRole, Source, Status
from chatapp.conversations.notices import notice_of
from chatapp.conversations.queue import QueuePlace
from chatapp.conversations.reviews.texts import HIDDEN
from chatapp.conversations.selectors import RATED, Turn, weak_sources
from chatapp.retrieval.printed import marked_page_url
from chatapp.retrieval.selectors import passage_url


@dataclass(frozen=True, slots=True)
class Branch:
    """Where a message stands among its siblings, and the ids beside it."""

    position: int
    total: int
    previous: str
    next: str


@dataclass(frozen=True, slots=True)
class SourceView:
    """`url` is empty where the reader may not, or cannot, open the document any more: then its words are not shown."""

    source: Source
    url: str
    page_url: str  # Of the page as it is printed, where there is one.
    is_weak: bool


def render_turn(turn: Turn, *, user: User, is_kept: bool = False, is_asked: bool = False) -> str:
    """The whole <article> of one message; its root id is `message-<uuid>`.

    `is_kept`: for a page that shows the answer's text and keeps it, and has the buttons from the live answer.
    `is_asked`: reviewers were just asked to look at it; what is said of that has the focus.
    """
    is_answer = turn.message.role == MessageRole.ASSISTANT
    template = "conversations/_answer.html" if is_answer else "conversations/_question.html"
    context = {"turn": turn, "message": turn.message, "branch": _branch(turn), "user": user}
    context |= {"revision": _revision(turn), "is_asked": is_asked}
    if is_answer:
        context |= _answer_context(turn)
        context |= {"body": "" if is_kept else render_body(turn), "is_kept": is_kept}
    return render_to_string(template, context)


def render_turns(turns: Iterable[Turn], *, user: User) -> SafeString:
    shown = (turn for turn in turns if turn.message.role != MessageRole.SYSTEM)
    return mark_safe("".join(render_turn(turn, user=user) for turn in shown))  # noqa: S308 -- rendered by templates


def _answer_context(turn: Turn) -> dict[str, object]:
    generation = turn.generation
    status = Status(generation.status) if generation else Status.COMPLETE
    error = generation.error_code if generation else ""
    return {
        "generation": generation,
        "status": status.value,
        "may_report": turn.report is None and status in RATED and bool(turn.text),
        "may_appeal": turn.appeal is None and status in HIDDEN,
        "is_live": bool(generation and generation.is_live),
        "place": _place(turn.queue) if turn.queue else "",
        "notice": notice_of(status, error, turn.text, finish_reason=generation.finish_reason if generation else ""),
        "text_is_notice": status in HIDDEN or error == NO_MODEL,
        "filled": percent_filled(generation) if generation and not generation.is_live else None,
        "byline": byline_of(generation) if generation else "",
        "may_keep_question": any(source.cited and source.is_editable for source in turn.sources),
        "cited": [view for view in source_views(turn) if view.source.cited],
        "uncited": [view for view in source_views(turn) if not view.source.cited],
    }


def _revision(turn: Turn) -> str:
    """Another one once reviewers changed something of a message that has ended: then pages take it over anew."""
    asked = "".join(flag.status[0] for flag in (turn.report, turn.appeal) if flag is not None)
    return f"{crc32(turn.message.text.encode()):x}{asked}"


def _place(place: QueuePlace) -> str:
    """The words of js/place.js."""
    parts = [] if place.follows else [f"number {place.position} in the queue"]
    if (seconds := place.wait_seconds) is not None:
        parts.append(f"about {seconds} s" if seconds < 90 else f"about {round(seconds / 60)} min")
    return ", ".join(parts)


def is_shown(turn: Turn, *, text: str, html: str) -> bool:
    """Whether the HTML, which is the text as it was rendered while the answer ran, is the body of the ended answer."""
    as_streamed = turn.text == text and cites_only(text, {source.n for source in turn.sources})
    if turn.message.weak_citations:  # Known at the end only.
        return False
    return as_streamed or html == render_body(turn)


def render_body(turn: Turn) -> SafeString:
    # A live answer cites sources that are stored a moment later: link every number until the end is known.
    is_live = turn.generation is not None and turn.generation.is_live
    known = None if is_live else {source.n for source in turn.sources}
    weak = () if is_live else turn.message.weak_citations
    html = render_markdown(turn.text, message_id=turn.message.id, sources=known, weak=weak)
    return mark_safe(html)  # noqa: S308 -- render_markdown sanitises


def source_views(turn: Turn) -> list[SourceView]:
    weak = weak_sources(turn.message)
    return [SourceView(source, *_addresses(source), source.n in weak) for source in turn.sources]


def _addresses(source: Source) -> tuple[str, str]:
    version, chunk = source.document_version, source.chunk
    if version is None or not source.is_readable:
        return "", ""
    if chunk is None:
        return f"{reverse('document', args=[version.document_id])}?version={version.number}", ""
    url = passage_url(document_id=version.document_id, version=version.number, ordinal=chunk.ordinal)
    return url, marked_page_url(version, chunk)


def _branch(turn: Turn) -> Branch:
    ids = turn.siblings
    at = ids.index(turn.message.id)
    return Branch(
        position=at + 1,
        total=len(ids),
        previous=str(ids[at - 1]) if at > 0 else "",
        next=str(ids[at + 1]) if at + 1 < len(ids) else "",
    )


def group_by_day(
    conversations: Iterable[Conversation], *, before: datetime | None = None
) -> list[tuple[str, list[Conversation]]]:
    """Keeps the order, newest first, under the headings of the list; that of `before` has been said."""
    today = timezone.localdate()
    said = _day_heading(timezone.localdate(before), today) if before else None
    keyed = groupby(conversations, key=lambda c: _day_heading(timezone.localdate(c.updated_at), today))
    return [("" if heading == said else heading, list(group)) for heading, group in keyed]


def _day_heading(day: date, today: date) -> str:
    if day >= today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    if day > today - timedelta(days=7):
        return "Last 7 days"
    return "Last 30 days" if day > today - timedelta(days=30) else f"{day:%B %Y}"
