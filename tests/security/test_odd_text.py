"""C14: characters and sizes that break storage are stored or refused in words, and no answer hangs on them."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Message, Status
from chatapp.conversations.rendering import render_turn
from chatapp.conversations.selectors import get_turn_for
from chatapp.conversations.streams.flusher import Flusher
from chatapp.conversations.tests.answering import Answerer
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.inference.testing import ScriptedModel

pytestmark = pytest.mark.django_db(transaction=True)
ODD = [
    "NUL \x00 in the middle", "\x1b[31mred\x1b[0m", "bell \x07", "lines\x85\u2028\u2029 of others",
    "\u202eright to left", "\u0627\u0644\u0633\u0644\u0627\u0645 \u05e9\u05dc\u05d5\u05dd",
    "Z\u0351\u036b\u0343a\u0321\u0342l\u0336g\u0348o" * 50,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\ufffe\uffff\U0010ffff",
    "\u0130\u0131\ufb03\u1e9e", "\u2067isolated\u2069",
    "null", "undefined", "NaN", "-1e309", "0x0", "1;DROP TABLE users", "' OR 1=1 --", "%s%s%n", "{0} {{x}} ${x} #{x}",
    "__proto__", "constructor", "../../../etc/passwd", "CON", "\\", "\r\n\r\nHTTP/1.1 200", "=cmd|' /C calc'!A0",
    "a" * 30_000, "\u00e9" * 30_000, "\n" * 20_000 + "x", "[" * 20_000, "`" * 20_000, "|" * 10_000,
]  # fmt: skip


# Decoders of the engine and of providers never let one through; a browser or a client can send one.
SURROGATES = ["\ud800 lone", "high \udfff end"]


@pytest.fixture
def answerer(settings: Any) -> Iterator[Answerer]:
    settings.SCRIPTED_MODEL = True
    settings.USER_MAX_QUEUED = 1_000
    version = ModelVersion.objects.create(
        name="scripted", provider=Provider.SCRIPTED, context_tokens=200_000, state="evaluated"
    )
    Route.objects.create(name=Route.DEFAULT, version=version)
    model = ScriptedModel(tokens=["Fine."], rate=5_000)
    answerer = Answerer(Flusher(), model)
    yield answerer
    answerer.flusher.close()
    model.close()


def test_c14_odd_questions_are_answered(answerer: Answerer, alice: User) -> None:
    for text in [*ODD, *SURROGATES]:
        generation = answerer(alice, text)
        assert generation.status == Status.COMPLETE, ascii(text[:24])
        question = generation.message.parent
        assert question is not None
        question.refresh_from_db()
        assert not set(question.text) & set("\x00\x1b\x07\ud800\udfff\u202e")
        assert render_turn(get_turn_for(alice, question.id), user=alice)
        assert "Fine." in render_turn(get_turn_for(alice, generation.message_id), user=alice)


def test_c14_odd_answers_are_kept_and_shown(answerer: Answerer, alice: User) -> None:
    for text in ODD:
        model = ScriptedModel(tokens=[text[at : at + 700] for at in range(0, len(text), 700)] + [" end"], rate=50_000)
        services.post_message(user=alice, text="Say something odd.", message_id=uuid4(), conversation_id=None)
        Generation.objects.update(collections=[])
        generation = answerer.work(model)
        model.close()
        assert generation.status == Status.COMPLETE, ascii(text[:24])
        assert generation.message.text.endswith("end")
        assert "\x00" not in generation.message.text
        assert "end" in render_turn(get_turn_for(alice, generation.message_id), user=alice)


@pytest.mark.parametrize("text", ["", " \n\t ", "\x00\x00", "\u200b\u2060\ufeff", "\ud800"])
def test_c14_nothing_is_refused_in_words(text: str, answerer: Answerer, alice: User) -> None:
    with pytest.raises(ChatappError) as caught:
        services.post_message(user=alice, text=text, message_id=uuid4(), conversation_id=None)
    assert caught.value.code == "message_empty"
    assert not Message.objects.exists()


@pytest.mark.parametrize("length", [settings.MESSAGE_MAX_CHARACTERS + 1, 1_000_000, 3_900_000])
def test_c14_e04_too_much_is_refused_before_it_is_read_further(length: int, answerer: Answerer, alice: User) -> None:
    _, raw = create_api_key(user=alice)
    client = Client(headers={"Authorization": f"Bearer {raw}"})
    for path, body in (
        ("/api/v1/messages", {"text": "x" * length}),
        ("/v1/chat/completions", {"model": "scripted", "messages": [{"role": "user", "content": "x" * length}]}),
    ):
        response = client.post(path, body, content_type="application/json")
        assert response.status_code in {400, 413}
        assert response.json()["code"] in {"message_too_long", "body_too_large", "invalid"}
    assert not Message.objects.exists()
