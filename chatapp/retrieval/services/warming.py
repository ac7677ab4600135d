"""Workers load the models of search before somebody waits for them: that which serves, and that which may be next."""

from chatapp.retrieval.embedding import EMBEDDING_MODEL, EmbeddingError
from chatapp.retrieval.embedding_models import load_model
from chatapp.retrieval.models import EmbeddingIndex, IndexState


def warm_models(*, worker: str) -> None:
    """Raises EmbeddingError when this worker cannot search as search is now.

    What it could not do after a swap stands at the index that is ready, which cannot be swapped to then.
    """
    load_model(EMBEDDING_MODEL)
    for index in EmbeddingIndex.objects.filter(state__in=[IndexState.SERVING, IndexState.READY]):
        try:
            load_model(index.model)
        except EmbeddingError as error:
            if index.state == IndexState.SERVING:
                raise
            _say(index, f"{worker}: {error}")
        else:
            if index.error.startswith(f"{worker}: "):
                _say(index, "")


def _say(index: EmbeddingIndex, error: str) -> None:
    EmbeddingIndex.objects.filter(pk=index.pk, state=IndexState.READY).update(error=error[:300])
