"""Asks and answers on the real path, with a model that the test holds in its hands."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation
from chatapp.conversations.pipeline.answer import generate_reply
from chatapp.conversations.pipeline.reply import Reply
from chatapp.conversations.queue import claim_next
from chatapp.conversations.streams.flusher import Flusher
from chatapp.inference.models import ModelVersion
from chatapp.inference.testing import ScriptedModel

QUESTION = "How many days of paid holiday do I get?"


@dataclass
class Answerer:
    """Asks and answers on the real path; without documents unless `collections` says otherwise."""

    flusher: Flusher
    model: ScriptedModel

    def __call__(
        self, user: User, text: str = QUESTION, *, conversation_id: UUID | None = None, **changes: Any
    ) -> Generation:
        queued = services.post_message(user=user, text=text, message_id=uuid4(), conversation_id=conversation_id)
        Generation.objects.filter(id=queued.id).update(**{"collections": [], **changes})
        return self.work(self.model)

    def work(self, model: ScriptedModel) -> Generation:
        claimed = claim_next(worker="w", version_ids=list(ModelVersion.objects.values_list("id", flat=True)))
        assert claimed is not None
        generate_reply(Reply(claimed, self.flusher.writer(claimed.id, claimed.attempt)), lambda _: model)
        return Generation.objects.select_related("message").get(id=claimed.id)
