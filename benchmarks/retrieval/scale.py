"""Recall and time of the search statement among many passages, beside a bare query of the same HNSW index.

Times are those of the server's process on a CPU (`/proc/<pid>/schedstat`), the best of three rounds for each question:
other work on the machine makes a statement wait, but hardly dearer. The time on the clock is given beside it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from benchmarks.retrieval.database import add_passages, make_collection, make_reader, run_sql
from benchmarks.retrieval.synthetic import Question, World

if TYPE_CHECKING:
    from chatapp.accounts.models import User
    from chatapp.retrieval.models import EmbeddingIndex

ROUNDS = 3
RECALLED = 10
SHARES = {"all": 1.0, "tenth": 0.1, "hundredth": 0.01}
_BARE = """
SELECT chunk_id FROM retrieval_embedding
WHERE index_id = {index:d} AND ({everything} OR collection_id = ANY(%(collections)s))
ORDER BY vector::halfvec({dimensions:d}) <=> %(vector)s::halfvec({dimensions:d})
LIMIT %(candidates)s
"""
# Without sorting there is only the HNSW index to give an order.
_BARE_SETTINGS = "SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"


@dataclass(slots=True)
class Shelf:
    """What one reader may see, and where its vectors are."""

    reader: "User"
    collections: list[Any]
    chunks: list[UUID] = field(default_factory=list)
    vectors: "list[np.ndarray[Any, Any]]" = field(default_factory=list)

    def nearest(self, question: Question) -> set[UUID]:
        similarity = np.concatenate(self.vectors) @ question.vector.astype(np.float32)
        return {self.chunks[place] for place in np.argsort(-similarity)[:RECALLED]}


@dataclass(slots=True)
class Meter:
    """CPU and clock time of each statement of a search that is `WITH allowed … near`."""

    cpu: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)

    @contextmanager
    def measured(self) -> Iterator[None]:
        from django.db import connection

        path = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
        cpu, clock = _cpu(path), time.perf_counter()
        yield
        self.clock.append((time.perf_counter() - clock) * 1_000)
        self.cpu.append((_cpu(path) - cpu) / 1e6)

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 (Django's)
        if "near AS MATERIALIZED" not in sql:
            return execute(sql, params, many, context)
        with self.measured():
            return execute(sql, params, many, context)

    @staticmethod
    def best(values: list[float]) -> float:
        """Of the rounds; a search that fell back to the scan ran two statements in each."""
        each = len(values) // ROUNDS
        return min(sum(values[start : start + each]) for start in range(0, len(values), each))


def _cpu(path: Path) -> int:
    return int(path.read_text(encoding="ascii").split()[0])


def measure_scale(passages: int, *, questions: int) -> dict[str, Any]:
    from chatapp.retrieval.selectors import get_serving_index

    index = get_serving_index()
    if index is None:
        raise RuntimeError("No index serves.")
    world = World(passages=passages, seed=passages)
    started = time.perf_counter()
    shelves = _fill(world, passages, index)
    result: dict[str, Any] = {"seconds_to_fill": round(time.perf_counter() - started, 1)}
    for name, shelf in shelves.items():
        asked = [*world.questions(questions, common=False), *world.questions(questions, common=True)]
        result[name] = _measure(shelf, asked, index)
    return result


def _fill(world: World, passages: int, index: "EmbeddingIndex") -> dict[str, Shelf]:
    """A tenth and a hundredth in collections of their own, the rest in a third one; the HNSW index is made last."""
    from chatapp.retrieval.index_sql import CREATE_HNSW, DROP_HNSW

    run_sql("TRUNCATE retrieval_collection CASCADE")
    run_sql(DROP_HNSW.format(index=index.pk))
    shelves = {name: Shelf(make_reader(f"{name} of {passages}"), []) for name in SHARES}
    counts = {name: int(passages * share) for name, share in SHARES.items() if name != "all"}
    counts["rest"] = passages - sum(counts.values())
    for name, count in counts.items():
        seers = [shelves["all"], *([shelves[name]] if name in shelves else [])]
        collection = make_collection(f"{name}-{passages}", readers=[shelf.reader for shelf in seers])
        texts, vectors = world.passages(count)
        chunks = add_passages(collection, texts=texts, vectors=vectors, index=index)
        for shelf in seers:
            shelf.collections.append(collection.pk)
            shelf.chunks += chunks
            shelf.vectors.append(vectors.astype(np.float32))
    run_sql("SET maintenance_work_mem = '1GB'")
    run_sql(CREATE_HNSW.format(index=index.pk, dimensions=index.dimensions))
    run_sql("VACUUM ANALYZE")
    return shelves


def _measure(shelf: Shelf, asked: list[Question], index: "EmbeddingIndex") -> dict[str, Any]:
    from django.db import connection

    from chatapp.retrieval.search import explain_search, find_passages

    recalled, exact = list[float](), False
    times: dict[str, list[float]] = {"search": [], "search_clock": [], "bare": [], "bare_clock": []}
    for question in asked:
        _answer_with(question)
        search, bare = Meter(), Meter()
        for _ in range(ROUNDS):
            with connection.execute_wrapper(search):
                find_passages(user=shelf.reader, query=question.text, collections=None, k=RECALLED)
            _bare(shelf, question, index, bare)
        trace = explain_search(user=shelf.reader, query=question.text, collections=None, k=RECALLED)
        exact, first = trace.exact, {UUID(chunk) for chunk in trace.as_dict()["near"][:RECALLED]}
        recalled.append(len(shelf.nearest(question) & first) / RECALLED)
        for name, meter in (("search", search), ("bare", bare)):
            times[name].append(meter.best(meter.cpu))
            times[f"{name}_clock"].append(meter.best(meter.clock))
    return {
        "readable": len(shelf.chunks),
        "exact": exact,
        "recall": round(float(np.mean(recalled)), 4),
        **{name: _percentiles(values) for name, values in times.items()},
        "ratio": round(float(np.percentile(times["search"], 95) / np.percentile(times["bare"], 95)), 2),
    }


def _answer_with(question: Question) -> None:
    """The question's own vector, in place of the embedding model's."""
    from chatapp.retrieval.search import find

    vars(find)["embed_query"] = lambda *_, **__: question.vector.tolist()


def _bare(shelf: Shelf, question: Question, index: "EmbeddingIndex", meter: Meter) -> None:
    from django.db import connection, transaction

    from chatapp.retrieval.search.find import CANDIDATES
    from chatapp.retrieval.search.sql import INDEXED_SETTINGS

    everything = len(shelf.collections) == len(SHARES)
    statement = _BARE.format(index=index.pk, dimensions=index.dimensions, everything=str(everything).upper())
    vector = f"[{','.join(f'{value:.5g}' for value in question.vector)}]"
    parameters: dict[str, Any] = {"collections": shelf.collections, "vector": vector, "candidates": CANDIDATES}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{INDEXED_SETTINGS}; {_BARE_SETTINGS}")
        with meter.measured():
            cursor.execute(statement, parameters)


def _percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{percent}": round(float(np.percentile(values, percent)), 2) for percent in (50, 95)}
