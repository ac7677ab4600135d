"""An embedding index as an operator looks at it: how far, how large, how well it finds, and what may be done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from chatapp.accounts.models import User
from chatapp.retrieval.embedding_models import Folder, list_folders
from chatapp.retrieval.models import EmbeddingIndex, IndexState
from chatapp.retrieval.selectors import latest_figures_by_index, list_editable_collections_for, list_indexes_for
from chatapp.retrieval.selectors.indexes import IndexProgress

_COLLECTIONS_OFFERED = 200


@dataclass(frozen=True, slots=True)
class IndexAction:
    """`question` is asked first, and answered by `label`."""

    name: str
    label: str
    question: str


@dataclass(frozen=True, slots=True)
class IndexRow:
    progress: IndexProgress
    figures: dict[str, float | int] | None
    actions: Sequence[IndexAction]

    @property
    def index(self) -> EmbeddingIndex:
        return self.progress.index

    @property
    def is_whole(self) -> bool:
        return self.index.state in {IndexState.READY, IndexState.SERVING, IndexState.RETIRED}

    @property
    def kept_until(self) -> datetime | None:
        if self.index.state != IndexState.RETIRED:
            return None
        return self.index.state_at + timedelta(days=settings.INDEX_KEPT_DAYS)


def index_rows(user: User) -> list[IndexRow]:
    """Raises ChatappError("forbidden")."""
    found = list_indexes_for(user)
    serving = next((one.index.model for one in found if one.index.state == IndexState.SERVING), "nothing")
    figures = latest_figures_by_index([one.index for one in found])
    return [IndexRow(one, figures.get(one.index.pk), _actions(one.index, serving=serving)) for one in found]


def folders_to_choose() -> tuple[list[Folder], list[Folder]]:
    """Models that can be used, and folders that cannot."""
    found = list_folders()
    return [one for one in found if not one.problem], [one for one in found if one.problem]


def collections_to_evaluate(user: User) -> list[tuple[str, str]]:
    """Addresses and names of those whose golden questions this user may ask."""
    mine = list_editable_collections_for(user).filter(golden_questions__is_active=True).distinct()
    return list(mine.values_list("slug", "name")[:_COLLECTIONS_OFFERED])


def _actions(index: EmbeddingIndex, *, serving: str) -> list[IndexAction]:
    model, days = index.model, settings.INDEX_KEPT_DAYS
    pause = IndexAction("pause", "Pause", f"Pause the index with {model}? What it has is kept.")
    resume = IndexAction("resume", "Resume", f"Go on with the index with {model}? It fills when nothing else waits.")
    abort = IndexAction("abort", "Abort", f"Give up the index with {model}? Its vectors are deleted. Search goes on.")
    swap = IndexAction(
        "swap",
        "Swap to it",
        f"Search with {model} from the next question on? The index with {serving} is kept for {days} days to go back.",
    )
    back = IndexAction("back", "Roll back to it", f"Search with {model} again, from the next question on?")
    drop = IndexAction("abort", "Drop now", f"Delete the index with {model} now? Nobody can go back to it then.")
    return {
        IndexState.FILLING.value: [pause, abort],
        IndexState.PAUSED.value: [resume, abort],
        IndexState.READY.value: [swap, abort],
        IndexState.RETIRED.value: [back, drop],
    }.get(index.state, [])
