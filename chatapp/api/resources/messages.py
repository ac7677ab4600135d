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

router = Router(tags=["conversations"], auth=BearerKey("conversations:read", "chat"))


class MessagesQuery(ListQuery):
    conversation: UUID | None = None


class MessageIn(Schema):
    id: UUID = Field(default_factory=uuid4, description="Made by the caller: the same id twice is one message.")
    conversation: UUID | None = Field(None, description="Without it a new conversation begins.")
    text: str


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
