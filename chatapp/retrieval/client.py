"""The web process asks a worker: it never loads the embedding model itself."""

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.retrieval import selectors
from chatapp.retrieval.models import DocumentVersion
from chatapp.retrieval.search import Passage
from chatapp.retrieval.tasks import LOOKUP_SECONDS, draw_page, embed, explain_search, search_passages

log = structlog.get_logger(__name__)


def lookup_passages(*, user: User, query: str, collections: Sequence[str] | None, k: int) -> list[Passage]:
    """`find_passages` in a worker. Blocks up to LOOKUP_SECONDS: call it off the event loop.

    Raises ChatappError: "not_found" for a collection that the user may not see, "search_unavailable".
    """
    if collections is not None:
        selectors.require_collections(user, collections)
    slugs = None if collections is None else list(collections)
    found = wait_for(lambda: search_passages.delay(str(user.pk), query, slugs, k))
    return [Passage.from_dict(passage) for passage in found]


def lookup_explanation(
    *, user: User, question: str, earlier: Sequence[str], collections: Sequence[str] | None, k: int
) -> dict[str, Any]:
    """`explain_question` in a worker. Raises ChatappError as `lookup_passages`."""
    if collections is not None:
        selectors.require_collections(user, collections)
    slugs = None if collections is None else list(collections)
    found: dict[str, Any] | None = wait_for(
        lambda: explain_search.delay(str(user.pk), question, list(earlier), slugs, k)
    )
    if found is None:  # the account was closed meanwhile
        raise ChatappError("search_unavailable")
    return found


def lookup_embeddings(texts: Sequence[str]) -> list[list[float]]:
    """`embed_texts` in a worker. Raises ChatappError("search_unavailable")."""
    vectors: list[list[float]] = wait_for(lambda: embed.delay(list(texts)))
    return vectors


def lookup_page_image(*, version: DocumentVersion, page: int) -> bytes:
    """The page as PNG; a worker draws it the first time. The caller may read the version.

    Raises ChatappError: page_not_drawn, search_unavailable.
    """
    image = selectors.read_page_image(version, page)
    if image is None and wait_for(lambda: draw_page.delay(str(version.pk), page)):
        image = selectors.read_page_image(version, page)
    if image is None:
        raise ChatappError("page_not_drawn")
    return image


def wait_for(send: Callable[[], "AsyncResult[Any]"], *, refusal: str = "search_unavailable") -> Any:
    """What a task of the lookup queue returns. Raises ChatappError(`refusal`) when no worker answers in time."""
    try:
        result = send()
        try:
            return result.get(timeout=LOOKUP_SECONDS)
        finally:
            result.forget()
    except (CeleryTimeoutError, OperationalError, RedisError):
        raise ChatappError(refusal) from None
    except Exception as error:  # the worker's own failure, rebuilt by Celery
        log.exception("lookup_failed")
        raise ChatappError(refusal) from error
