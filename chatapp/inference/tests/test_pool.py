"""A model's life in a worker: real SmolLM2 where the engine matters, scripted models where it does not."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import SMOLLM2_135M
from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.engine.estimate import MemoryNeed
from chatapp.inference.engine.verdicts import find_working_options
from chatapp.inference.models import ModelVersion, Provider
from chatapp.inference.pool import EnginePool
from chatapp.inference.pool.loading import MakeRoom, load_model
from chatapp.inference.pool.needs import NotNowError
from chatapp.inference.testing import ScriptedModel
from chatapp.inference.tests.tiny_model import hash_of, tiny_model

HELLO: Any = [{"role": "user", "content": "rate=5000 say: Hello."}]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class BreakableModel(ScriptedModel):
    """Fails as an engine does: from one moment on it says so."""

    failure: EngineError | None = None


class Loads:
    """A loader of scripted models that counts, waits when told, and fails when told."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.gates: dict[str, threading.Event] = {}
        self.errors: dict[str, EngineError] = {}
        self.needs: dict[str, MemoryNeed] = {}
        self.models: list[BreakableModel] = []

    def __call__(self, version: ModelVersion, *, make_room: MakeRoom) -> ChatModel:
        self.names.append(version.name)
        if gate := self.gates.get(version.name):
            assert gate.wait(timeout=60)
        if need := self.needs.get(version.name):
            make_room(need)
        if error := self.errors.get(version.name):
            raise error
        if version.provider == Provider.LLAMA_CPP:
            return load_model(version, make_room=make_room)
        self.models.append(BreakableModel(rate=5000))
        return self.models[-1]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loads() -> Loads:
    return Loads()


@pytest.fixture
def pool(loads: Loads, clock: Clock, settings: Any) -> Iterator[EnginePool]:
    settings.SCRIPTED_MODEL = True
    pool = EnginePool(load=loads, clock=clock)
    yield pool
    for gate in loads.gates.values():
        gate.set()
    pool.close()


def scripted(name: str) -> ModelVersion:
    return ModelVersion(name=name, provider=Provider.SCRIPTED, context_tokens=1000)


def own_weights(name: str, **fields: Any) -> ModelVersion:
    return ModelVersion(
        name=name, provider=Provider.LLAMA_CPP, sha256=SMOLLM2_135M.sha256, **{"context_tokens": 512, **fields}
    )


@pytest.fixture
def smollm2(settings: Any) -> ModelVersion:
    """Beside others that compute: two slots, one thread."""
    ensure_artifact(SMOLLM2_135M, directory=default_directory(), report=lambda _progress: None)
    settings.MODELS_DIR = default_directory()
    settings.INFERENCE_SLOTS, settings.INFERENCE_THREADS = 2, 1
    return own_weights("smollm2")


def nothing() -> None:
    pass


def answer(pool: EnginePool, version: ModelVersion) -> str:
    with pool.using(version, waiting=nothing) as model:
        return "".join(model.chat(HELLO, max_tokens=8))


def tend(pool: EnginePool, *versions: ModelVersion, default: ModelVersion | None = None, idle: float = 1800.0) -> None:
    """As a worker does while all these versions are on some route."""
    pool.tend(versions=versions, routed={version.id for version in versions}, default=default, idle_seconds=idle)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_draft_whose_weights_came_is_looked_at_anew(pool: EnginePool, settings: Any, tmp_path: Path) -> None:
    settings.MODELS_DIR = tmp_path
    content = tiny_model()
    draft = own_weights("new")
    sha256, draft.sha256 = hash_of(content), ""
    assert not pool.serves(draft)
    tend(pool, draft)
    eventually(lambda: bool(pool.problems()))
    (tmp_path / f"{sha256}.gguf").write_bytes(content)
    known = own_weights("new", id=draft.id)
    known.sha256 = sha256
    assert pool.serves(known)
    assert not pool.problems()


@pytest.mark.model
def test_two_versions_serve_side_by_side_while_a_third_loads(
    pool: EnginePool, loads: Loads, smollm2: ModelVersion
) -> None:
    other, third = scripted("other"), scripted("third")
    assert len(answer(pool, smollm2)) > 0
    assert answer(pool, other) == "Hello."
    loads.gates["third"] = threading.Event()
    future = pool.prepare(third)
    with (
        pool.using(smollm2, waiting=nothing) as first_model,
        pool.using(other, waiting=nothing) as second_model,
    ):
        streams = [model.chat(HELLO, max_tokens=8) for model in (first_model, second_model)]
        assert [len("".join(stream)) > 0 for stream in streams] == [True, True]
    assert (future.done(), pool.loading()) == (False, [third.id])
    assert pool.loaded().keys() == {smollm2.id, other.id}
    loads.gates["third"].set()
    assert answer(pool, third) == "Hello."


@pytest.mark.model
def test_an_idle_model_goes_and_comes_back_when_it_is_asked(
    pool: EnginePool, loads: Loads, clock: Clock, smollm2: ModelVersion
) -> None:
    first = answer(pool, smollm2)
    clock.now += 1799
    tend(pool, smollm2)
    assert pool.loaded().keys() == {smollm2.id}
    clock.now += 1
    tend(pool, smollm2)
    assert (pool.loaded(), pool.serves(smollm2)) == ({}, True)
    assert len(first) > 0
    assert len(answer(pool, smollm2)) > 0
    assert loads.names == ["smollm2", "smollm2"]


def test_what_a_route_rests_on_stays_and_zero_keeps_all(pool: EnginePool, clock: Clock) -> None:
    default, other = scripted("default"), scripted("other")
    for version in (default, other):
        answer(pool, version)
    clock.now += 1e6
    tend(pool, default, other, default=default, idle=0)
    assert pool.loaded().keys() == {default.id, other.id}
    tend(pool, default, other, default=default)
    assert pool.loaded().keys() == {default.id}


def test_a_version_of_no_route_finishes_its_answers_and_then_goes(pool: EnginePool, loads: Loads, clock: Clock) -> None:
    old, new = scripted("old"), scripted("new")
    loads.gates["new"] = threading.Event()
    with pool.using(old, waiting=nothing) as model:
        clock.now += 1e6
        pool.tend(versions=[old, new], routed={new.id}, default=new, idle_seconds=0)
        assert old.id in pool.loaded()
        assert "".join(model.chat(HELLO, max_tokens=8)) == "Hello."
    clock.now += 60
    pool.tend(versions=[old, new], routed={new.id}, default=new, idle_seconds=0)
    assert pool.loaded().keys() == {old.id}  # until the new one is there
    loads.gates["new"].set()
    eventually(lambda: new.id in pool.loaded())
    pool.tend(versions=[old, new], routed={new.id}, default=new, idle_seconds=0)
    assert pool.loaded().keys() == {new.id}


@pytest.mark.model
def test_a_model_that_cannot_fit_is_refused_before_it_is_loaded(pool: EnginePool, smollm2: ModelVersion) -> None:
    huge = own_weights("huge", context_tokens=50_000_000)
    with pytest.raises(NotNowError, match=r"^huge needs 2\d{3}\.\d GB of memory, \d+\.\d GB are free\.$"):
        answer(pool, huge)
    assert not pool.serves(huge)
    assert pool.loaded() == {}


class TestMakingRoom:
    @pytest.fixture
    def places(self, pool: EnginePool, loads: Loads, monkeypatch: pytest.MonkeyPatch) -> Loads:
        """A machine with memory for two models."""
        for name in ("a", "b", "c"):
            loads.needs[name] = MemoryNeed(weights_bytes=4, cache_bytes=0, compute_bytes=0, device_bytes=0)
        monkeypatch.setattr("chatapp.inference.pool.room.free_memory", lambda: 8 - 4 * len(pool.loaded()))
        return loads

    def test_the_least_recently_used_goes(self, pool: EnginePool, places: Loads, clock: Clock) -> None:
        a, b, c = scripted("a"), scripted("b"), scripted("c")
        for version in (a, b, a):
            clock.now += 1
            answer(pool, version)
        assert answer(pool, c) == "Hello."
        assert pool.loaded().keys() == {a.id, c.id}

    def test_what_no_route_names_goes_first_and_the_default_never(
        self, pool: EnginePool, places: Loads, clock: Clock
    ) -> None:
        a, b, c = scripted("a"), scripted("b"), scripted("c")
        for version in (a, b):
            clock.now += 1
            answer(pool, version)
        pool.tend(versions=[a, b, c], routed={a.id, c.id}, default=a, idle_seconds=0)
        assert answer(pool, c) == "Hello."
        assert pool.loaded().keys() == {a.id, c.id}

    def test_one_that_answers_is_waited_for(self, pool: EnginePool, places: Loads) -> None:
        a, b, c = scripted("a"), scripted("b"), scripted("c")
        answer(pool, b)
        tend(pool, b, default=b)
        with pool.using(a, waiting=nothing):
            future = pool.prepare(c)
            time.sleep(0.2)
            assert not future.done()
        assert future.result(timeout=10) is pool.loaded()[c.id]
        assert pool.loaded().keys() == {b.id, c.id}


class TestFaults:
    def break_down(self, pool: EnginePool, loads: Loads, version: ModelVersion) -> None:
        answer(pool, version)
        loads.models[-1].failure = EngineError("CUDA error: an illegal memory access was encountered")

    def test_a_failed_engine_is_replaced_after_a_pause(self, pool: EnginePool, loads: Loads, clock: Clock) -> None:
        version = scripted("a")
        self.break_down(pool, loads, version)
        with pytest.raises(EngineError, match="illegal memory access"):
            answer(pool, version)
        assert (pool.serves(version), pool.loaded()) == (False, {})
        assert pool.problems() == {version: "CUDA error: an illegal memory access was encountered"}
        tend(pool, version)
        assert loads.names == ["a"]
        clock.now += 5
        tend(pool, version)
        eventually(lambda: pool.serves(version))
        assert pool.problems() == {}
        assert answer(pool, version) == "Hello."

    def test_the_third_fault_in_ten_minutes_is_the_last(self, pool: EnginePool, loads: Loads, clock: Clock) -> None:
        version = scripted("a")
        for _ in range(3):
            clock.now += 31
            tend(pool, version)
            eventually(lambda: pool.serves(version))
            self.break_down(pool, loads, version)
            tend(pool, version)
        clock.now += 1e6
        tend(pool, version)
        with pytest.raises(EngineError, match="illegal memory access"):
            answer(pool, version)
        assert loads.names == ["a"] * 3
        pool.forgive(version)
        assert answer(pool, version) == "Hello."

    def test_rare_faults_are_never_the_last(self, pool: EnginePool, loads: Loads, clock: Clock) -> None:
        version = scripted("a")
        for _ in range(5):
            self.break_down(pool, loads, version)
            tend(pool, version)
            clock.now += 601
            tend(pool, version)
            eventually(lambda: pool.serves(version))
        assert answer(pool, version) == "Hello."

    def test_a_model_that_cannot_be_loaded_fails_at_once_the_second_time(self, pool: EnginePool, loads: Loads) -> None:
        version = scripted("a")
        loads.errors["a"] = EngineError("llama.cpp cannot load a.")
        for _ in range(2):
            with pytest.raises(EngineError, match="cannot load a"):
                answer(pool, version)
        assert (loads.names, pool.serves(version)) == (["a"], False)

    @pytest.mark.model
    def test_a_build_that_crashes_fails_the_version_and_not_the_worker(
        self, pool: EnginePool, smollm2: ModelVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        crash = (sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
        monkeypatch.setattr(
            "chatapp.inference.pool.loading.find_working_options", partial(find_working_options, command=crash)
        )
        smollm2.context_tokens = 384  # a size that no earlier self-test has tried
        with pytest.raises(EngineError, match="The self-test was ended by SIGILL"):
            answer(pool, smollm2)
        assert not pool.serves(smollm2)


class TestFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path, settings: Any) -> Path:
        settings.MODELS_DIR = tmp_path
        return tmp_path / f"{SMOLLM2_135M.sha256}.gguf"

    def test_weights_that_are_elsewhere_are_a_problem_only_on_a_route(
        self, pool: EnginePool, folder: Path, clock: Clock
    ) -> None:
        version = own_weights("a")
        assert not pool.serves(version)
        pool.tend(versions=[version], routed=(), default=None, idle_seconds=0)
        time.sleep(0.1)
        assert pool.problems() == {}
        tend(pool, version)
        eventually(lambda: pool.problems() == {version: "Its weights are not on this machine."})

    def test_a_changed_file_is_found_before_anybody_asks_and_forgiven_when_repaired(
        self, pool: EnginePool, folder: Path, clock: Clock
    ) -> None:
        version = own_weights("a")
        folder.write_bytes(b"GGUF\x03\x00\x00\x00" + bytes(16))
        tend(pool, version)
        eventually(lambda: "another sha256" in pool.problems().get(version, ""))
        assert not pool.serves(version)
        real = ensure_artifact(SMOLLM2_135M, directory=default_directory(), report=lambda _progress: None)
        folder.unlink()
        shutil.copy(real, folder)
        clock.now += 20
        tend(pool, version)
        eventually(lambda: pool.serves(version))

    def test_options_that_cannot_be_are_named(self, pool: EnginePool, folder: Path) -> None:
        version = own_weights("a", engine_options={"cache_type": "q9"})
        folder.write_bytes(b"GGUF")
        tend(pool, version)
        eventually(lambda: "cache_type" in pool.problems().get(version, ""))


def test_what_waits_is_let_go_when_the_worker_stops(pool: EnginePool, loads: Loads) -> None:
    loads.gates["a"] = threading.Event()
    version = scripted("a")
    errors: list[EngineError] = []

    def ask() -> None:
        try:
            answer(pool, version)
        except EngineError as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    eventually(lambda: pool.loading() == [version.id])
    pool.close()
    asking.join(timeout=10)
    assert [str(error) for error in errors] == ["The worker is stopping."]
    loads.gates["a"].set()
    with pytest.raises(EngineError, match="stopping"):
        answer(pool, version)


def test_a_caller_that_has_enough_of_waiting_leaves(pool: EnginePool, loads: Loads) -> None:
    loads.gates["a"] = threading.Event()

    def waiting() -> None:
        raise EngineError("stopped meanwhile")

    with pytest.raises(EngineError, match="stopped meanwhile"), pool.using(scripted("a"), waiting=waiting):
        raise AssertionError


def test_what_an_operator_has_loaded_stays_though_no_route_names_it(pool: EnginePool, clock: Clock) -> None:
    version = scripted("a")
    pool.load(version).result(timeout=10)
    clock.now += 3600
    tend(pool)
    time.sleep(0.05)
    assert [use.version_id for use in pool.uses()] == [version.id]


def test_what_an_operator_has_unloaded_goes_with_its_last_answer_and_stays_away(pool: EnginePool) -> None:
    version = scripted("a")
    with pool.using(version, waiting=nothing) as model:
        pool.unload(version)
        assert "".join(model.chat(HELLO, max_tokens=8)) == "Hello."
        assert (pool.serves(version), list(pool.loaded())) == (False, [version.id])
    tend(pool, version, default=version)
    assert list(pool.loaded()) == []
    with pytest.raises(EngineError, match="An operator has unloaded it"):
        answer(pool, version)
    pool.load(version).result(timeout=10)
    assert (pool.serves(version), pool.problems()) == (True, {})


def test_a_load_that_is_under_way_when_the_unload_comes_is_not_kept(pool: EnginePool, loads: Loads) -> None:
    version = scripted("a")
    loads.gates["a"] = threading.Event()
    future = pool.load(version)
    pool.unload(version)
    loads.gates["a"].set()
    future.result(timeout=10)
    tend(pool, version)
    assert (list(pool.loaded()), pool.serves(version)) == ([], False)
