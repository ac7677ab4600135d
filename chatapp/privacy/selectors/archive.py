"""What is stored about one person, as the files of an archive. Rights: everything here is the person's own."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q

from chatapp.accounts.models import AuditEvent, SignIn, User
from chatapp.conversations.models import Conversation, Message
from chatapp.evaluation.comparing.sides import side_of
from chatapp.evaluation.models import Vote
from chatapp.inference.models import AnswerOutcome
from chatapp.moderation.models import Exchange, Feedback, FeedbackStatus, Flag, Notice
from chatapp.moderation.selectors import DECIDED
from chatapp.retrieval.models import Document
from chatapp.spreadsheets import neutralize

Part = tuple[str, bytes]
_OUTCOME = ("created_at", "status", "prompt_tokens", "completion_tokens", "cost")
README = """# Your data

conversations/   each conversation as Markdown and as JSON; temporary ones are not kept and so not here
account.json     your account, groups, roles, API keys (never the keys themselves) and sessions
documents.json   documents that you uploaded; the files of the company's collections are not part of it
reviews.json     answers of yours that were kept for review, without what a policy withheld
feedback.json    what you said of answers, and what you were told
reports.json     answers that you reported or appealed against, and notices to you
votes.json       how you voted when you compared two answers; which versions wrote them stays with the company
usage.csv        tokens and cost of your answers
audit.json       what the audit log holds of what you did and of what was done to your account
"""


def parts_of(user: User) -> Iterator[Part]:
    """One at a time: an archive may be larger than memory."""
    yield "README.md", README.encode()
    yield "account.json", _json(_account(user))
    documents = Document.objects.filter(created_by=user)
    of_document = ("id", "name", "collection__slug", "created_at", "updated_at")
    yield "documents.json", _json(list(documents.values(*of_document)))
    yield "reviews.json", _json(_reviews(user))
    yield "feedback.json", _json(_feedback(user))
    yield "reports.json", _json(_reports(user))
    yield "votes.json", _json(_votes(user))
    yield "usage.csv", _csv(_OUTCOME, AnswerOutcome.objects.filter(user=user).values_list(*_OUTCOME))
    yield "audit.json", _json(_events(user))
    # Temporary conversations are promised to leave nothing; hidden ones are the owner's own all the same.
    kept = Conversation.objects.filter(owner=user, expires_at=None, deleted_at=None)
    for conversation in kept.order_by("created_at").iterator(chunk_size=50):
        yield from _conversation(conversation)


def count_parts(user: User) -> int:
    return 9 + 2 * Conversation.objects.filter(owner=user, expires_at=None, deleted_at=None).count()


def _account(user: User) -> dict[str, Any]:
    keys = ("name", "prefix", "read_only", "created_at", "last_used_at", "expires_at", "revoked_at")
    sign_ins = ("method", "provider", "address", "user_agent", "started_at", "last_seen_at")
    own = ("id", "username", "first_name", "last_name", "email", "date_joined", "last_login", "roles", "is_active")
    return {
        "account": {name: getattr(user, name) for name in own},
        "groups": list(user.groups.order_by("name").values_list("name", flat=True)),
        "api_keys": list(user.api_keys.order_by("created_at").values(*keys)),
        "sessions": list(SignIn.objects.filter(user=user).values(*sign_ins)),
    }


def _reviews(user: User) -> list[dict[str, Any]]:
    exchanges = Exchange.objects.filter(user=user).order_by("created_at").only("question", "answer", "created_at")
    return [{"at": one.created_at, "question": one.question, "answer": one.answer} for one in exchanges.iterator()]


def _feedback(user: User) -> list[dict[str, Any]]:
    given = Feedback.objects.filter(user=user).exclude(status=FeedbackStatus.WITHDRAWN).order_by("created_at")
    return [
        {
            "at": one.created_at,
            "answer": one.exchange_id,
            "rating": "up" if one.is_positive else "down",
            "reasons": one.reasons,
            "text": one.text,
            "reply": one.reply,
        }
        for one in given.iterator()
    ]


def _reports(user: User) -> dict[str, list[dict[str, Any]]]:
    """Of the review only its end is theirs: who decided, and why, stays with the company."""
    asked = Flag.objects.filter(reporter=user).order_by("created_at")
    told = Notice.objects.filter(user=user).order_by("created_at")
    return {
        "reports_and_appeals": [
            {
                "at": one.created_at,
                "answer": one.exchange_id,
                "kind": one.source,
                "reason": one.report_reason,
                "text": one.report_text,
                "state": one.status if one.status in DECIDED else "waiting",
            }
            for one in asked.iterator()
        ],
        "notices": [{"at": one.created_at, "answer": one.generation_id, "text": one.text} for one in told.iterator()],
    }


def _votes(user: User) -> list[dict[str, Any]]:
    given = Vote.objects.filter(voter=user).order_by("at")
    return [{"at": one.at, "vote": side_of(one), "reason": one.reason} for one in given.iterator()]


def _events(user: User) -> list[dict[str, Any]]:
    """Of what others did to the account, who it was stays with the company."""
    own = AuditEvent.objects.filter(Q(actor=user) | Q(object_type="accounts.User", object_id=str(user.pk)))
    shown = own.order_by("at").values("at", "action", "outcome", "object_type", "object_id", "address", "actor_id")
    rows: Iterable[dict[str, Any]] = [dict(event) for event in shown]
    return [{**event, "by": "you" if event.pop("actor_id") == user.pk else "the company"} for event in rows]


def _conversation(conversation: Conversation) -> Iterator[Part]:
    messages = list(Message.objects.filter(conversation=conversation).prefetch_related("sources"))
    name = f"conversations/{conversation.created_at:%Y-%m-%d}-{conversation.id}"
    said = [
        {
            "id": one.id,
            "parent": one.parent_id,
            "role": one.role,
            "at": one.created_at,
            "text": one.text,
            "sources": [{"n": s.n, "document": s.document_name, "page": s.page} for s in one.sources.all()],
        }
        for one in messages
    ]
    yield f"{name}.json", _json({"id": conversation.id, "title": conversation.title, "messages": said})
    lines = [
        f"# {conversation.title}",
        *(f"## {one.role}, {one.created_at:%Y-%m-%d %H:%M}\n\n{one.text}" for one in messages),
    ]
    yield f"{name}.md", "\n\n".join(lines).encode()


def _json(value: object) -> bytes:
    return json.dumps(value, cls=DjangoJSONEncoder, indent=1, ensure_ascii=False).encode()


def _csv(names: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(names)
    writer.writerows([neutralize(cell) for cell in row] for row in rows)
    return written.getvalue().encode()
