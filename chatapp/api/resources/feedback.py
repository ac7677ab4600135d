from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.accounts.models import User
from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.conversations.services import rate_answer, withdraw_rating
from chatapp.moderation import selectors, services
from chatapp.moderation.feedback_search import FeedbackSearch
from chatapp.moderation.masked import mask_by_form
from chatapp.moderation.models import Feedback, FeedbackReason
from chatapp.moderation.services import MAX_FEEDBACK_CHARACTERS

router = Router(tags=["moderation"], auth=BearerKey("feedback"))


class FeedbackQuery(ListQuery):
    status: str = Field("", max_length=16)
    rating: str = Field("", max_length=4, description="up or down")
    reason: str = Field("", max_length=16)
    version: str = Field("", max_length=100, description="The model version that answered.")
    route: str = Field("", max_length=64)
    since: str = Field("", max_length=40, description="ISO 8601")


class FeedbackIn(Schema):
    generation: UUID
    rating: Literal["up", "down"]
    reasons: list[FeedbackReason] = Field([], max_length=len(FeedbackReason), description="Of a thumb down only.")
    text: str = Field("", max_length=MAX_FEEDBACK_CHARACTERS)


class FeedbackOut(Schema):
    id: UUID
    generation: UUID
    rating: str
    reasons: list[str]
    text: str = Field(description="Of other people with personal data masked.")
    status: str
    reply: str
    model_version: str
    route: str
    created_at: datetime
    updated_at: datetime


def shape(feedback: Feedback, user: User) -> FeedbackOut:
    return FeedbackOut(
        id=feedback.id,
        generation=feedback.exchange_id,
        rating="up" if feedback.is_positive else "down",
        reasons=feedback.reasons,
        text=feedback.text if feedback.user_id == user.pk else mask_by_form(feedback.text),
        status=feedback.status,
        reply=feedback.reply,
        model_version=feedback.exchange.model_version,
        route=feedback.exchange.route,
        created_at=feedback.created_at,
        updated_at=feedback.updated_at,
    )


@router.get("", response=Page[FeedbackOut])
def list_feedback(request: ApiRequest, query: Query[FeedbackQuery]) -> Page[FeedbackOut]:
    """One's own; everybody's for those who triage."""
    search = FeedbackSearch.parse(query.dict(exclude={"limit", "cursor"}))
    found = selectors.list_feedback_for(request.auth, search)
    page = page_of(found, query, lambda feedback: (shape(feedback, request.auth), feedback.user_id))
    others = [shaped.id for shaped, user_id in page.items if user_id != request.auth.pk]
    services.record_feedback_listed(user=request.auth, feedback_ids=others)
    return Page[FeedbackOut](items=[shaped for shaped, _ in page.items], next=page.next)


@router.post("", response={200: FeedbackOut, 201: FeedbackOut})
def give_feedback(request: ApiRequest, body: FeedbackIn) -> Status[FeedbackOut]:
    """Rates one's own answer: 201, or 200 in place of what was said of it before."""
    feedback, is_new = rate_answer(
        user=request.auth,
        generation_id=body.generation,
        is_positive=body.rating == "up",
        reasons=body.reasons,
        text=body.text,
    )
    return Status(201 if is_new else 200, shape(feedback, request.auth))


@router.delete("/{uuid:feedback_id}", response={204: None})
def withdraw_feedback(request: ApiRequest, feedback_id: UUID) -> Status[None]:
    feedback = selectors.get_own_feedback(request.auth, feedback_id)
    withdraw_rating(user=request.auth, generation_id=feedback.exchange_id)
    return Status(204, None)
