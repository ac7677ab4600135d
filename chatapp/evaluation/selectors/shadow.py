"""What a candidate would have answered, beside what people got: figures for operators, texts for reviewers."""

from django.db.models import QuerySet

from chatapp.conversations.shadow_models import ShadowAnswer
from chatapp.inference.models import Rollout
from chatapp.moderation.models import Exchange


def list_shadow_answers_of(rollout: Rollout) -> QuerySet[ShadowAnswer]:
    """The newest first, of conversations that their owners have not deleted."""
    kept = ShadowAnswer.objects.filter(rollout=rollout, generation__message__conversation__deleted_at=None)
    return kept.order_by("-created_at", "-pk")


def find_exchange_of(shadow: ShadowAnswer) -> Exchange | None:
    """None when it is gone, or when a policy or a reviewer took its answer away."""
    return Exchange.objects.filter(pk=shadow.generation_id, original="").first()
