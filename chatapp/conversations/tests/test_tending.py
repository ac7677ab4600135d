"""What a worker loads before somebody asks for it."""

from typing import Any

import pytest

from chatapp.conversations.workers.tending import Tender
from chatapp.inference.health import list_routed_versions
from chatapp.inference.models import ModelVersion
from chatapp.inference.pool import EnginePool
from chatapp.inference.services import end_rollout, start_rollout
from chatapp.inference.testing import ScriptedModel
from tests.versions import make_version

pytestmark = pytest.mark.django_db


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("kind", ["canary", "shadow"])
def test_both_versions_of_a_rollout_are_loaded_before_anybody_waits_and_stay(
    scripted: ModelVersion, settings: Any, kind: str
) -> None:
    settings.SCRIPTED_MODEL, settings.INFERENCE_IDLE_MINUTES = True, 1
    loaded: list[str] = []
    clock = Clock()

    def load(version: ModelVersion, **_: Any) -> ScriptedModel:
        loaded.append(version.name)
        return ScriptedModel()

    pool = EnginePool(load=load, clock=clock)
    tender = Tender(pool)
    candidate = make_version("candidate")
    try:
        tender.tend()
        rollout = start_rollout(user=None, route="default", kind=kind, candidate=candidate)
        assert list_routed_versions() == {scripted.id, candidate.id}
        tender.tend()
        pool.prepare(candidate).result(timeout=10)
        clock.now += 3600
        tender.tend()
        assert (loaded, set(pool.loaded())) == (["scripted", "candidate"], {scripted.id, candidate.id})
        end_rollout(user=None, rollout=rollout)
        tender.tend()
        assert set(pool.loaded()) == {scripted.id}
    finally:
        pool.close()
