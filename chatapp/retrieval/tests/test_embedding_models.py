"""Embedding models out of folders: a real one made here, and everything that can be wrong with a folder."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chatapp.retrieval import embedding_models, services
from chatapp.retrieval.embedding import EMBEDDING_MODEL, EmbeddingError, ModelFolderError, embed_query, embed_texts
from chatapp.retrieval.embedding_models import list_folders, load_model
from chatapp.retrieval.models import EmbeddingIndex, IndexState
from chatapp.retrieval.search import find_passages
from chatapp.retrieval.services.hnsw import drop_hnsw
from chatapp.retrieval.tests.conftest import People, Upload
from chatapp.retrieval.tests.tiny_models import change_json, save_tiny_model

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_tiny_model(folder / "tiny", prompts={"query": "query: ", "document": "passage: "})
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder of models, which the test may damage; nothing of it is in memory."""
    shutil.copytree(made / "tiny", tmp_path / "models" / "tiny")
    settings.EMBEDDING_MODELS_PATH = str(tmp_path / "models")
    monkeypatch.setattr(embedding_models, "_loaded", type(embedding_models._loaded)())
    return tmp_path / "models"


def test_a_folder_embeds_with_its_prompts(folder: Path) -> None:
    assert [(one.name, one.problem) for one in list_folders()] == [(EMBEDDING_MODEL, ""), ("tiny", "")]
    passage, again = embed_texts(["paid holiday", "paid holiday"], model="tiny")
    query = embed_query("paid holiday", scope="one", model="tiny")
    assert len(passage) == len(query) == 32
    assert np.allclose(passage, again, atol=1e-5)
    assert np.isclose(np.linalg.norm(passage), 1, atol=1e-4)
    # The folder's config says what is put before each kind.
    plain = load_model("tiny").model.encode(["passage: paid holiday"], normalize_embeddings=True)
    assert np.allclose(passage, plain[0], atol=1e-5)
    assert not np.allclose(passage, query, atol=1e-3)


def test_at_most_three_models_stay_in_memory(folder: Path) -> None:
    for name in ("a", "b", "c", "d"):
        shutil.copytree(folder / "tiny", folder / name)
    for name in ("a", "b", "c", "a", "d"):
        load_model(name)
    assert list(embedding_models._loaded) == ["c", "a", "d"]


EVIL = "open('/tmp/evil-was-here', 'w')"


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def name_own_code(tiny: Path) -> None:
    change_json(tiny / "config.json", model_type="mine", auto_map={"AutoModel": "evil.Model"})
    (tiny / "evil.py").write_text(EVIL)


def name_own_module(tiny: Path) -> None:
    (tiny / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]')
    (tiny / "evil.py").write_text(EVIL)


OUTSIDE = '[{"idx": 0, "name": "0", "path": "../..", "type": "sentence_transformers.models.Transformer"}]'
DAMAGE: dict[str, Callable[[Path], object]] = {
    "no folder": shutil.rmtree,
    "no modules.json": lambda tiny: (tiny / "modules.json").unlink(),
    "modules.json is no list": lambda tiny: (tiny / "modules.json").write_text('{"path": 1}'),
    "no safetensors": lambda tiny: (tiny / "model.safetensors").rename(tiny / "pytorch_model.bin"),
    "cut weights": lambda tiny: cut_in_half(tiny / "model.safetensors"),
    "no config": lambda tiny: (tiny / "config.json").unlink(),
    "config of another size": lambda tiny: change_json(tiny / "config.json", hidden_size=64),
    "code of its own": name_own_code,
    "a module from elsewhere": name_own_module,
    "a module outside": lambda tiny: (tiny / "modules.json").write_text(OUTSIDE),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_bad_folder_is_refused_in_a_sentence_and_runs_nothing(folder: Path, how: str) -> None:
    DAMAGE[how](folder / "tiny")
    with pytest.raises(EmbeddingError) as refused:
        embed_texts(["paid holiday"], model="tiny")
    assert str(refused.value).endswith(".")
    assert "tiny" in str(refused.value)
    assert not Path("/tmp/evil-was-here").exists()
    assert "tiny" not in embedding_models._loaded


@pytest.mark.parametrize("name", ["../tiny", "", ".", "tiny/", "nul\0", "x" * 300])
def test_a_name_is_a_folder_s_name_and_no_path(folder: Path, name: str) -> None:
    with pytest.raises(ModelFolderError):
        load_model(name)


def test_more_dimensions_than_an_index_takes_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_models, "MAX_DIMENSIONS", 16)
    with pytest.raises(ModelFolderError, match="32 dimensions; from 1 to 16"):
        load_model("tiny")


@pytest.fixture
def clean_indexes() -> Iterator[None]:
    yield
    for index in EmbeddingIndex.objects.exclude(pk=1):
        drop_hnsw(index)


@pytest.mark.django_db(transaction=True)
def test_search_moves_to_the_folder_s_model_and_back(
    people: People, upload: Upload, folder: Path, clean_indexes: None
) -> None:
    upload("leave.md", b"# Holiday\n\nEverybody has 28 days of paid holiday.")
    index = services.start_index(user=people.ada, model="tiny")
    while services.tend_index(index_id=index.pk):
        pass
    services.tend_index(index_id=index.pk)
    index.refresh_from_db()
    assert (index.state, index.dimensions, index.error) == (IndexState.READY, 32, "")
    services.swap_index(user=people.ada, index=index)
    upload("badge.md", b"# Badge\n\nA lost badge costs 15 euros.")
    for name, query in (("leave.md", "paid holiday"), ("badge.md", "lost badge costs")):
        found = find_passages(user=people.alice, query=query, collections=None, k=2)
        assert name in {passage.document_name for passage in found}
    # The folder is gone from a worker that starts: search says so, and going back is the way out.
    shutil.rmtree(folder / "tiny")
    embedding_models._loaded.clear()
    with pytest.raises(ModelFolderError):
        find_passages(user=people.alice, query="where do I park", collections=None, k=2)
    first = EmbeddingIndex.objects.get(state=IndexState.RETIRED)
    while services.tend_index(index_id=first.pk):
        pass
    services.roll_back_index(user=people.ada, index=first)
    found = find_passages(user=people.alice, query="what does a lost badge cost", collections=None, k=2)
    assert [passage.document_name for passage in found][:1] == ["badge.md"]
