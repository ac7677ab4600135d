from datetime import datetime
from decimal import Decimal
from uuid import UUID

from ninja import Field, Query, Router, Schema

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.conversations import selectors, services
from chatapp.conversations.models import Generation

router = Router(tags=["conversations"], auth=BearerKey("conversations:read", "chat"))


class GenerationOut(Schema):
    id: UUID
    conversation: UUID
    message: UUID
    status: str
    text: str
    finish_reason: str
    error: str
    model_version: str | None
    fallback_from: str | None = Field(description="The version that should have answered and did not.")
    rule: UUID | None = Field(description="The rule of the route that the question met.")
    is_cached: bool
    policy_version: str
    attempt: int
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal | None = Field(description="By the version's prices; null until the answer has ended.")
    created_at: datetime
    claimed_at: datetime | None
    first_token_at: datetime | None
    finished_at: datetime | None


def shape(generation: Generation) -> GenerationOut:
    return GenerationOut(
        id=generation.id,
        conversation=generation.message.conversation_id,
        message=generation.message_id,
        status=generation.status,
        text=generation.checkpoint if generation.is_live else generation.message.text,
        finish_reason=generation.finish_reason,
        error=generation.error_code,
        model_version=generation.version.name if generation.version else None,
        fallback_from=generation.fallback_from.name if generation.fallback_from else None,
        rule=generation.rule_id,
        is_cached=generation.is_cached,
        policy_version=generation.policy_version,
        attempt=generation.attempt,
        prompt_tokens=generation.prompt_tokens,
        completion_tokens=generation.completion_tokens,
        cost=getattr(generation, "cost", None),
        created_at=generation.created_at,
        claimed_at=generation.claimed_at,
        first_token_at=generation.first_token_at,
        finished_at=generation.finished_at,
    )


@router.get("", response=Page[GenerationOut])
def list_generations(request: ApiRequest, query: Query[ListQuery]) -> Page[GenerationOut]:
    return page_of(selectors.list_generations_for(request.auth), query, shape)


@router.get("/{uuid:generation_id}", response=GenerationOut)
def get_generation(request: ApiRequest, generation_id: UUID) -> GenerationOut:
    return shape(selectors.get_generation_for(request.auth, generation_id))


@router.post("/{uuid:generation_id}/stop", response=GenerationOut)
def stop_generation(request: ApiRequest, generation_id: UUID) -> GenerationOut:
    return shape(services.request_stop(user=request.auth, generation_id=generation_id))
