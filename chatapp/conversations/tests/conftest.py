import json
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.engine.types import ChatMessage
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.inference.testing import ScriptedModel

Ask = Callable[..., Generation]
Start = Callable[[], threading.Thread]


@pytest.fixture
def scripted(db: None, settings: Any) -> ModelVersion:
    """The scripted model serves the default route."""
    settings.SCRIPTED_MODEL = True
    version = ModelVersion.objects.create(
        name="scripted", provider=Provider.SCRIPTED, context_tokens=100_000, state="evaluated"
    )
    Route.objects.create(name=Route.DEFAULT, version=version)
    return version


@pytest.fixture
def worker(scripted: ModelVersion) -> Iterator[InferenceWorker]:
    """A worker without Celery round it: the test decides when a slot claims."""
    worker = InferenceWorker()
    worker.warm.set()
    yield worker
    worker.close()


@pytest.fixture
def slot(worker: InferenceWorker) -> Iterator[Start]:
    """Starts a slot of the worker in a thread, as Celery does."""
    threads = []

    def start() -> threading.Thread:
        threads.append(threading.Thread(target=worker.answer_all))
        threads[-1].start()
        return threads[-1]

    yield start
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()


@pytest.fixture
def ask(scripted: ModelVersion) -> Ask:
    """Posts a question; without documents, so that no test but those of retrieval needs embeddings."""

    def post(user: User, text: str = "rate=2000 tokens=20", conversation_id: UUID | None = None) -> Generation:
        generation = services.post_message(user=user, text=text, message_id=uuid4(), conversation_id=conversation_id)
        Generation.objects.filter(id=generation.id).update(collections=[])
        return generation

    return post


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every prompt that a model got."""
    prompts: list[str] = []
    render = ScriptedModel.render_chat

    def listen(self: ScriptedModel, messages: Sequence[ChatMessage]) -> str:
        prompts.append(json.dumps(messages))
        return render(self, messages)

    monkeypatch.setattr(ScriptedModel, "render_chat", listen)
    return prompts
