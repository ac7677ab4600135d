"""What a search reads besides its own statements."""

from uuid import UUID

from chatapp.accounts.models import User
from chatapp.retrieval.models import EmbeddingIndex, IndexState


def get_serving_index() -> EmbeddingIndex | None:
    """The index that search reads; None before anything was processed in an empty database."""
    return EmbeddingIndex.objects.filter(state=IndexState.SERVING).first()


def get_reader(user_id: UUID) -> User | None:
    """The user in whose name a worker searches, as long as the account is active."""
    return User.objects.filter(pk=user_id, is_active=True).first()
