"""Text that a reviewer took back is nowhere that its reader can look: pages, sources, API, archive, live stream."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Message, Source, Status
from chatapp.conversations.pipeline.prompts import read_history
from chatapp.conversations.services.generations import record_exchange
from chatapp.conversations.streams.entries import stream_key
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.moderation.models import Flag
from chatapp.moderation.services import claim_flag
from chatapp.privacy.selectors.archive import parts_of
from chatapp.redis import redis_client

pytestmark = pytest.mark.django_db
SECRET = "Moonshot starts in May"


@pytest.fixture
def retracted(alice: User, mona: User, settings: Any, django_capture_on_commit_callbacks: Any) -> Generation:
    settings.SCRIPTED_MODEL = True
    version = ModelVersion.objects.create(
        name="scripted", provider=Provider.SCRIPTED, context_tokens=100_000, state="evaluated"
    )
    Route.objects.create(name=Route.DEFAULT, version=version)
    queued = services.post_message(user=alice, text="When?", message_id=uuid4(), conversation_id=None)
    Generation.objects.filter(id=queued.id).update(status=Status.COMPLETE, finish_reason="stop")
    Message.objects.filter(id=queued.message_id).update(text=f"{SECRET} [1].", weak_citations=[len(SECRET) + 1])
    Source.objects.create(message_id=queued.message_id, n=1, document_name="a.md", quote="q", cited=True)
    redis_client().xadd(stream_key(queued.id), {"text": SECRET})
    generation = Generation.objects.select_related("message__parent").get(id=queued.id)
    record_exchange(generation, answer=f"{SECRET} [1].")
    services.report_answer(user=alice, message_id=generation.message_id, reason="confidential")
    flag = Flag.objects.get()
    claim_flag(user=mona, flag_id=flag.id)
    with django_capture_on_commit_callbacks(execute=True):
        services.decide_flag(user=mona, flag_id=flag.id, decision="uphold", reason="Secret.", effects=["retract"])
    return generation


def test_nothing_of_it_is_on_pages_or_in_the_api(alice: User, retracted: Generation) -> None:
    page, (_, raw) = Client(), create_api_key(user=alice)
    page.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    api = Client(headers={"Authorization": f"Bearer {raw}"})
    of_message = [retracted.message.conversation_id, retracted.message_id]
    pages = [
        reverse("chat"),
        reverse("notices"),
        reverse("conversation", args=of_message[:1]),
        reverse("message", args=of_message),
        reverse("sources", args=of_message),
    ]
    for path in pages:
        answer = page.get(path)
        assert (answer.status_code, "Moonshot" in answer.content.decode()) == (200, False), path
    for path in ("messages", "generations", "conversations", f"messages/{retracted.message_id}", "feedback"):
        answer = api.get(f"/api/v1/{path}")
        assert (answer.status_code, "Moonshot" in answer.content.decode()) == (200, False), path


def test_nothing_of_it_is_in_the_archive_the_stream_or_the_next_prompt(alice: User, retracted: Generation) -> None:
    archive = b"".join(data for _, data in parts_of(alice))
    assert b"taken this answer back" in archive
    assert b"Moonshot" not in archive
    assert not redis_client().exists(stream_key(retracted.id))
    conversation = retracted.message.conversation_id
    following = services.post_message(user=alice, text="And then?", message_id=uuid4(), conversation_id=conversation)
    history = read_history(following)
    assert [message.text for message in history.messages] == ["And then?"]
    assert not history.is_whole
