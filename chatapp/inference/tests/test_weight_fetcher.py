"""A worker's machine gets what a route needs, from the sources of the version."""

import time
from pathlib import Path
from typing import Any

import pytest

from chatapp.inference.artifacts import ensure_artifact
from chatapp.inference.models import ModelVersion, VersionState
from chatapp.inference.pool import fetching
from chatapp.inference.pool.fetching import WeightFetcher
from chatapp.inference.services import change_state, register_version
from chatapp.inference.tests.tiny_model import hash_of, tiny_model
from tests.people import make_person

pytestmark = pytest.mark.django_db(transaction=True)
SOURCE = {"kind": "file", "path": "tiny.gguf"}


@pytest.fixture
def place(settings: Any, tmp_path: Path) -> Path:
    settings.MODELS_DIR, settings.MODEL_IMPORT_DIR = tmp_path / "store", tmp_path / "import"
    settings.MODEL_IMPORT_DIR.mkdir()
    return Path(settings.MODEL_IMPORT_DIR / "tiny.gguf")


def make(content: bytes) -> ModelVersion:
    given: dict[str, Any] = {
        "name": "tiny",
        "provider": "llama_cpp",
        "context_tokens": 4096,
        "sha256": hash_of(content),
    }
    return register_version(user=make_person("oscar"), sources=[SOURCE], **given)


def wait_for(path: Path, *, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.exists()


def test_only_what_is_verified_and_routed_is_fetched(place: Path, settings: Any) -> None:
    content = tiny_model()
    place.write_bytes(content)
    version, path = make(content), settings.MODELS_DIR / f"{hash_of(content)}.gguf"
    fetcher = WeightFetcher()
    fetcher.look([version], {version.id})
    assert not wait_for(path, seconds=0.3)  # a draft
    change_state(user=None, version=version, state=VersionState.VERIFIED)
    fetcher.look([version], set())
    assert not wait_for(path, seconds=0.3)  # no route names it
    fetcher.look([version], {version.id})
    assert wait_for(path)
    assert path.read_bytes() == content
    fetcher.close()


def test_a_source_that_fails_is_left_for_a_while(place: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    content, now = tiny_model(), [0.0]
    place.write_bytes(tiny_model(padding=32))  # another file
    version, path = make(content), settings.MODELS_DIR / f"{hash_of(content)}.gguf"
    change_state(user=None, version=version, state=VersionState.VERIFIED)
    tries = []

    def ensure(*given: Any, **more: Any) -> Path:
        tries.append(1)
        return ensure_artifact(*given, **more)

    monkeypatch.setattr(fetching, "ensure_artifact", ensure)
    fetcher = WeightFetcher(clock=lambda: now[0])
    fetcher.look([version], {version.id})
    deadline = time.monotonic() + 10
    while (not tries or fetcher._not_before[version.id] == float("inf")) and time.monotonic() < deadline:
        time.sleep(0.02)
    fetcher.look([version], {version.id})
    assert len(tries) == 1
    assert not path.exists()
    place.write_bytes(content)
    now[0] = fetching.FAILED_SECONDS + 1
    fetcher.look([version], {version.id})
    assert wait_for(path)
    fetcher.close()
