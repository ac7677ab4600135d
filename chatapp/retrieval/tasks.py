"""Celery's side: load by id, call one function. Heavy packages load in the functions that are called."""

import time
from functools import partial
from uuid import UUID

from chatapp.celery import app
from chatapp.retrieval import selectors, services
from chatapp.retrieval.embedding import embed_texts
from chatapp.retrieval.explaining import explain_question
from chatapp.retrieval.low_priority import SLOTS, run_aside
from chatapp.retrieval.search import find_passages

LOOKUP_SECONDS = 10


@app.task(expires=3600)
def process_documents() -> None:
    """One turn; the next message is the next turn, so that other work comes between."""
    if run_aside(services.process_next):
        process_documents.delay()


@app.task(expires=20)
def sweep_documents() -> None:
    for _ in range(min(services.sweep_documents(), SLOTS)):
        process_documents.apply_async(expires=10)


@app.task(expires=50)
def purge_collections() -> None:
    services.purge_collections()


@app.task(expires=3600)
def evaluate(evaluation_id: str) -> None:
    if services.continue_evaluation(evaluation_id=UUID(evaluation_id)):
        evaluate.delay(evaluation_id)


@app.task(expires=20)
def sweep_evaluations() -> None:
    for evaluation_id in services.sweep_evaluations():
        evaluate.apply_async((str(evaluation_id),), expires=15)


@app.task(expires=3600)
def sync_connector(run_id: str) -> None:
    """One slice; the next message is the next slice, so that other work comes between."""
    if services.run_sync(run_id=UUID(run_id)):
        sync_connector.delay(run_id)


@app.task(expires=20)
def sweep_connectors() -> None:
    services.purge_connectors(until=time.monotonic() + services.SLICE_SECONDS)
    for run_id in services.sweep_runs():
        sync_connector.apply_async((str(run_id),), expires=10)


@app.task(expires=LOOKUP_SECONDS, ignore_result=False)
def search_passages(user_id: str, query: str, collections: list[str] | None, k: int) -> list[dict[str, object]]:
    user = selectors.get_reader(UUID(user_id))
    found = find_passages(user=user, query=query, collections=collections, k=k) if user else []
    return [passage.as_dict() for passage in found]


@app.task(expires=LOOKUP_SECONDS, ignore_result=False)
def explain_search(
    user_id: str, question: str, earlier: list[str], collections: list[str] | None, k: int
) -> dict[str, object] | None:
    user = selectors.get_reader(UUID(user_id))
    if user is None:
        return None
    return explain_question(user=user, question=question, earlier=earlier, collections=collections, k=k)


@app.task(expires=LOOKUP_SECONDS, ignore_result=False)
def embed(texts: list[str]) -> list[list[float]]:
    return embed_texts(texts)


@app.task(expires=LOOKUP_SECONDS, ignore_result=False)
def draw_page(version_id: str, page: int) -> bool:
    return services.draw_page(version_id=UUID(version_id), page=page)


@app.task(expires=30)
def tend_index(index_id: int) -> None:
    if run_aside(partial(services.tend_index, index_id=index_id)):
        tend_index.apply_async((index_id,), expires=30)


@app.task(expires=20)
def tend_indexes() -> None:
    services.drop_expired_indexes()
    for index_id in services.list_index_work():
        tend_index.apply_async((index_id,), expires=10)
