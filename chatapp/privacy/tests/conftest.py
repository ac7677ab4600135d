from collections.abc import Iterator
from typing import Any

import pytest

from chatapp.conversations.streams.flusher import Flusher
from chatapp.conversations.tests.answering import Answerer
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.inference.testing import ScriptedModel
from chatapp.redis import redis_client

CANARY = "kingfisher-4711"


@pytest.fixture
def answer(db: None) -> Iterator[Answerer]:
    """Answers on the real path, without chance, so that the answer cache takes part; with the canary in each."""
    version = ModelVersion.objects.create(
        name="sure", provider=Provider.LLAMA_CPP, context_tokens=4096, sampling={"temperature": 0}
    )
    Route.objects.create(name=Route.DEFAULT, version=version)
    model = ScriptedModel(tokens=["The ", CANARY, " flies."], rate=5000)
    answerer = Answerer(Flusher(), model)
    yield answerer
    answerer.flusher.close()
    model.close()


def find_in_redis(word: str) -> list[str]:
    """Keys whose name or value has the word, whatever their type."""
    client: Any = redis_client()
    readers = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": client.xrange,
    }
    found = []
    for key in client.scan_iter():
        kind = client.type(key)
        kind = kind if isinstance(kind, bytes) else kind.encode()
        if word in f"{key}{readers[kind](key)}":
            found.append(str(key))
    return found
