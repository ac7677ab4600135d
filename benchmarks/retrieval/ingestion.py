"""From a file to passages that search finds: how fast, with how much memory, and what the parts of it take.

To be called within `own_database`.
"""

import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks.retrieval.database import make_reader

if TYPE_CHECKING:
    from chatapp.accounts.models import User
    from chatapp.retrieval.models import Collection, Document

_SENTENCE = (
    "The {ordinal} pump of hall {hall} keeps a pressure of {bar} bar, and is looked after every {months} months. "
)
_KIB, _MIB = 1024, 1024 * 1024
Figures = dict[str, float | str]


def prose(size: int) -> bytes:
    """Paragraphs of different words and lengths, `size` bytes of them."""
    parts: list[str] = []
    length = number = 0
    while length < size:
        lines = [
            _SENTENCE.format(ordinal=f"{number}-{line}", hall=number % 17, bar=number % 23, months=line + 1)
            for line in range(2 + number % 7)
        ]
        parts.append(f"Paragraph {number} of the manual.\n" + "".join(lines))
        length += len(parts[-1]) + 2
        number += 1
    return "\n\n".join(parts).encode()[:size]


def measure_throughput(*, size: int = 200 * _KIB, rounds: int = 3) -> Figures:
    """Passages a second: the whole way from the file, against `encode` of sentence-transformers on the same texts.

    In turns, because other work on the machine would favour one of them; the ratio of CPU time minds it least.
    """
    from chatapp.retrieval.embedding import EMBEDDING_MODEL
    from chatapp.retrieval.embedding_models import load_model
    from chatapp.retrieval.services.processing import text_to_embed

    model = load_model(EMBEDDING_MODEL).model
    user, collection = _shelf("throughput")
    found: list[tuple[int, float, float, float, float]] = []
    for number in range(rounds):
        cpu = _cpu_seconds()
        seconds, document = _ingest(user, collection, f"{number}.txt", prose(size) + str(number).encode())
        cpu = _cpu_seconds() - cpu
        texts = [text_to_embed(chunk) for chunk in document.current.chunks.all()]  # type: ignore[union-attr]
        began, bare_cpu = time.perf_counter(), _cpu_seconds()
        model.encode(texts, show_progress_bar=False)
        found.append((len(texts), seconds, time.perf_counter() - began, cpu, _cpu_seconds() - bare_cpu))
    return {
        "passages": found[0][0],
        "passages_per_second": statistics.median(count / whole for count, whole, *_ in found),
        "encode_per_second": statistics.median(count / bare for count, _, bare, *_ in found),
        "ratio": statistics.median(bare / whole for _, whole, bare, *_ in found),
        "ratio_of_cpu": statistics.median(bare / whole for *_, whole, bare in found),
    }


def _cpu_seconds() -> float:
    """Of this process and of the parsers that have ended; PostgreSQL's are not in it."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def measure_file(*, size: int = _MIB) -> Figures:
    """Seconds until a text file is searchable, with vectors that take no time: embedding apart."""
    user, collection = _shelf("file")
    with _quick_vectors():
        seconds, document = _ingest(user, collection, "file.txt", prose(size))
    return {"mib": size / _MIB, "passages": document.passages_total, "seconds_without_embedding": seconds}


def measure_memory(*, size: int = 50 * _MIB) -> dict[str, Figures]:
    """What becomes of a file of `size` bytes, by the limits and with the limit on uploads lifted, and of the largest
    text that is taken; with the memory of this process and of the parser's.
    """
    from django.conf import settings
    from django.test import override_settings

    from chatapp.retrieval.parsing.limits import MAX_CHARACTERS

    user, collection = _shelf("memory")
    found: dict[str, Figures] = {}
    with _quick_vectors():
        for name, bytes_, limit in (
            ("refused", size, settings.UPLOAD_MAX_BYTES),
            ("lifted", size, size + 1),
            ("largest", MAX_CHARACTERS - 1, settings.UPLOAD_MAX_BYTES),
        ):
            with override_settings(UPLOAD_MAX_BYTES=limit):
                found[name] = _outcome(user, collection, name, prose(bytes_))
    return found


def _outcome(user: "User", collection: "Collection", name: str, data: bytes) -> Figures:
    from chatapp.errors import ChatappError

    try:
        seconds, document = _ingest(user, collection, f"{name}.txt", data)
        outcome: Figures = {"outcome": document.error or document.status, "seconds": seconds}
    except ChatappError as error:
        outcome = {"outcome": error.code, "seconds": 0.0}
    own, child = (resource.getrusage(who).ru_maxrss / _KIB for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {**outcome, "mib_of_file": len(data) / _MIB, "mib_of_worker": own, "mib_of_parser": child}


def _shelf(slug: str) -> "tuple[User, Collection]":
    from chatapp.retrieval.models import Collection

    user = make_reader(f"editor-{slug}")
    return user, Collection.objects.create(slug=slug, name=slug, created_by=user)


def _ingest(user: "User", collection: "Collection", name: str, data: bytes) -> "tuple[float, Document]":
    """Seconds from the upload until it is searchable or has failed."""
    from chatapp.retrieval import services

    began = time.perf_counter()
    document = services.upload_document(user=user, collection=collection, name=name, data=data, media_type="text/plain")
    services.process_document(document_id=document.pk)
    seconds = time.perf_counter() - began
    document.refresh_from_db()
    return seconds, document


@contextmanager
def _quick_vectors() -> Iterator[None]:
    import numpy as np

    generator = np.random.default_rng(1)

    def embed(texts: Sequence[str], **_: Any) -> list[list[float]]:
        vectors = generator.standard_normal((len(texts), 384), dtype=np.float32)
        rows: list[list[float]] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).tolist()
        return rows

    with patch("chatapp.retrieval.services.processing.embed_texts", embed):
        yield


PARTS: dict[str, Callable[[], Any]] = {
    "throughput": measure_throughput,
    "file": measure_file,
    "memory": measure_memory,
}


def measure_ingestion() -> dict[str, Any]:
    return {name: measure() for name, measure in PARTS.items()}
