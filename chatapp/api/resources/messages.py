from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.api.resources import generations
from chatapp.conversations import selectors, services
from chatapp.conversations.models import Message
from chatapp.moderation.models import Flag, FlagStatus
from chatapp.moderation.reports import MAX_REPORT_CHARACTERS, REPORT_REASONS

router = Router(tags=["conversations"], auth=BearerKey("conversations:read", "chat"))


class MessagesQuery(ListQuery):
    conversation: UUID | None = None


class MessageIn(Schema):
    id: UUID = Field(default_factory=uuid4, description="Made by the caller: the same id twice is one message.")
    conversation: UUID | None = Field(None, description="Without it a new conversation begins.")
    text: str


class ReportIn(Schema):
    reason: str = Field(max_length=32, description=f"One of {', '.join(REPORT_REASONS)}.")
    text: str = Field("", max_length=MAX_REPORT_CHARACTERS, description="Needed with the reason other.")


class AppealIn(Schema):
    text: str = Field(min_length=1, max_length=MAX_REPORT_CHARACTERS)


class RequestOut(Schema):
    """What became of a report or an appeal: `waiting`, `upheld` or `dismissed`; a dismissed appeal is a granted one."""

    message: UUID
    state: str
    created_at: datetime


class MessageOut(Schema):
    id: UUID
    conversation: UUID
    parent: UUID | None
    role: str
    text: str
    generation: UUID | None
    created_at: datetime


def shape(message: Message) -> MessageOut:
    generation = getattr(message, "generation", None)
    return MessageOut(
        id=message.id,
        conversation=message.conversation_id,
        parent=message.parent_id,
        role=message.role,
        text=generation.checkpoint if generation is not None and generation.is_live else message.text,
        generation=generation.id if generation is not None else None,
        created_at=message.created_at,
    )


def shape_request(message_id: UUID, flag: Flag) -> RequestOut:
    decided = {FlagStatus.UPHELD, FlagStatus.DISMISSED}
    state = flag.status if flag.status in decided else "waiting"
    return RequestOut(message=message_id, state=state, created_at=flag.created_at)


@router.get("", response=Page[MessageOut])
def list_messages(request: ApiRequest, query: Query[MessagesQuery]) -> Page[MessageOut]:
    messages = selectors.list_messages_for(request.auth)
    if query.conversation is not None:
        conversation = selectors.get_conversation_for(request.auth, query.conversation)
        messages = messages.filter(conversation=conversation)
    return page_of(messages, query, shape)


@router.get("/{uuid:message_id}", response=MessageOut)
def get_message(request: ApiRequest, message_id: UUID) -> MessageOut:
    return shape(selectors.get_turn_for(request.auth, message_id).message)


@router.post("", response={202: generations.GenerationOut})
def post_message(request: ApiRequest, body: MessageIn) -> Status[Any]:
    # A new conversation takes the message's id, so that a message sent twice is in one conversation, too.
    generation = services.post_message(
        user=request.auth,
        text=body.text,
        message_id=body.id,
        conversation_id=body.conversation or body.id,
        key=request.api_key,
    )
    return Status(202, generations.shape(selectors.get_generation_for(request.auth, generation.id)))


@router.post("/{uuid:message_id}/report", response={201: RequestOut})
def report_answer(request: ApiRequest, message_id: UUID, body: ReportIn) -> Status[Any]:
    flag = services.report_answer(user=request.auth, message_id=message_id, reason=body.reason, text=body.text)
    return Status(201, shape_request(message_id, flag))


@router.post("/{uuid:message_id}/appeal", response={201: RequestOut})
def appeal_answer(request: ApiRequest, message_id: UUID, body: AppealIn) -> Status[Any]:
    flag = services.appeal_answer(user=request.auth, message_id=message_id, text=body.text)
    return Status(201, shape_request(message_id, flag))
