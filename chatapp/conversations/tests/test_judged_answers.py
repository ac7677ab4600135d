"""A judge and the answer that waits for it share one engine: a real one, of two slots."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chatapp.inference import services
from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import SMOLLM2_135M
from chatapp.inference.engine import ChatModel, Engine
from chatapp.inference.models import ModelVersion, SideWork
from chatapp.moderation.checks import judge
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.guard import OutputGuard

SPEC = {
    "kind": "judge",
    "stage": "output",
    "action": "flag",
    "threshold": 0,
    "budget_ms": 20_000,
    "route": "judges",
    "question": "Does the text mention the sea?",
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    path = ensure_artifact(SMOLLM2_135M, directory=default_directory(), report=lambda _progress: None)
    engine = Engine(path, slots=2, context_per_slot=1024, threads=1)
    yield engine
    engine.close()


@pytest.mark.django_db(transaction=True)
def test_a_verdict_comes_from_the_engine_that_writes_the_answer(engine: Engine) -> None:
    version = ModelVersion.objects.create(name="small", provider="llama_cpp", sha256="0" * 64, context_tokens=1024)
    services.configure_route(user=None, name="judges", version=version)

    @contextmanager
    def lend(_version: ModelVersion) -> Iterator[ChatModel]:
        yield engine

    judge.use(lend)
    try:
        guard = OutputGuard(build_checks([SPEC]))
        started = time.monotonic()
        for piece in engine.chat([{"role": "user", "content": "Tell me of the sea."}], max_tokens=40):
            guard.feed(piece)
        guard.finish()
        guard.settle()
        assert time.monotonic() - started < 60
    finally:
        judge.use(judge.lend_nothing)
    [finding] = guard.findings
    assert finding.failure == ""
    assert finding.score is not None
    assert all(0 <= start < end <= len(guard.raw) for start, end in finding.spans)
    assert sum(work.completion_tokens for work in SideWork.objects.all()) > 0
