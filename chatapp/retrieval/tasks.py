"""Celery's side: load by id, call one function. Heavy packages load in the functions that are called."""

from uuid import UUID

from chatapp.celery import app
from chatapp.retrieval import selectors, services
from chatapp.retrieval.embedding import embed_texts
from chatapp.retrieval.search import find_passages

LOOKUP_SECONDS = 10


@app.task(expires=3600)
def process_document(document_id: str) -> None:
    services.process_document(document_id=UUID(document_id))


@app.task(expires=20)
def sweep_documents() -> None:
    for document_id in services.sweep_documents():
        process_document.apply_async((str(document_id),), expires=10)


@app.task(expires=50)
def purge_collections() -> None:
    services.purge_collections()


@app.task(expires=LOOKUP_SECONDS, ignore_result=False)
def search_passages(user_id: str, query: str, collections: list[str] | None, k: int) -> list[dict[str, object]]:
    user = selectors.get_reader(UUID(user_id))
    found = find_passages(user=user, query=query, collections=collections, k=k) if user else []
    return [passage.as_dict() for passage in found]


@app.task(expires=LOOKUP_SECONDS, ignore_result=False)
def embed(texts: list[str]) -> list[list[float]]:
    return embed_texts(texts)
