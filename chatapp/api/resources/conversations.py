from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.conversations import selectors, services
from chatapp.conversations.models import Conversation

router = Router(tags=["conversations"], auth=BearerKey("conversations:read", "conversations:write"))


class ConversationOut(Schema):
    id: UUID
    title: str
    created_at: datetime
    updated_at: datetime


class ConversationPatch(Schema):
    title: str = Field(min_length=1, max_length=200)


def shape(conversation: Conversation) -> ConversationOut:
    return ConversationOut(
        id=conversation.id,
        title=conversation.title,
        created_at=conversation.created_at,
        updated_at=conversation.updated_at,
    )


@router.get("", response=Page[ConversationOut])
def list_conversations(request: ApiRequest, query: Query[ListQuery]) -> Page[ConversationOut]:
    return page_of(selectors.list_conversations_for(request.auth), query, shape, by="updated_at")


@router.get("/{uuid:conversation_id}", response=ConversationOut)
def get_conversation(request: ApiRequest, conversation_id: UUID) -> ConversationOut:
    return shape(selectors.get_conversation_for(request.auth, conversation_id))


@router.patch("/{uuid:conversation_id}", response=ConversationOut)
def rename_conversation(request: ApiRequest, conversation_id: UUID, body: ConversationPatch) -> ConversationOut:
    return shape(services.rename_conversation(user=request.auth, conversation_id=conversation_id, title=body.title))


@router.delete("/{uuid:conversation_id}", response={204: None})
def delete_conversation(request: ApiRequest, conversation_id: UUID) -> Status[Any]:
    services.delete_conversation(user=request.auth, conversation_id=conversation_id)
    return Status(204, None)
