"""Reads the file of a version in the parser's process, and stores its passages where nobody finds them yet."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from django.db import transaction

from chatapp.retrieval.chunking import MAX_PASSAGES, Passage, split_document
from chatapp.retrieval.formats import format_of_media_type
from chatapp.retrieval.models import Chunk, Collection
from chatapp.retrieval.parsing import ParsingError, Reason
from chatapp.retrieval.parsing.child import parsing
from chatapp.retrieval.services.queue import Run
from chatapp.retrieval.suspicion import suspicion_of

READ_PERCENT = 10
_STORED_AT_ONCE = 500


def read_version(run: Run) -> None:
    """All passages or, after an error, none that counts. Raises ParsingError, LeaseLostError."""
    version = run.version
    with transaction.atomic():
        document = run.lock()
        Chunk.objects.filter(version=version).delete()  # of a run that died
    collection = Collection.objects.get(pk=document.collection_id)
    with _copy_of_file(run) as path, parsing(path, format_of_media_type(version.media_type)) as (parsed, blocks):
        passages = split_document(
            blocks,
            title=parsed.title,
            name=run.name,
            size=collection.chunk_characters,
            overlap=collection.chunk_overlap,
        )
        count = _store(run, collection, passages)
    with transaction.atomic():
        run.report(progress=READ_PERCENT, passages_total=count, passages_done=0)
        version.passages, version.pages, version.notes = count, parsed.pages, parsed.notes
        version.save(update_fields=["passages", "pages", "notes"])


def _store(run: Run, collection: Collection, passages: Iterable[Passage]) -> int:
    count = 0
    waiting = iter(passages)
    while batch := list(islice(waiting, _STORED_AT_ONCE)):
        count += len(batch)
        if count > MAX_PASSAGES:
            raise ParsingError(Reason.TOO_LARGE)
        with transaction.atomic():
            run.report()  # and locks the document
            Chunk.objects.bulk_create(_row(run, collection, passage) for passage in batch)
    return count


def _row(run: Run, collection: Collection, passage: Passage) -> Chunk:
    suspicion = suspicion_of(heading=passage.heading, text=passage.text)
    if suspicion and _was_released(run, passage):
        suspicion = ""
    return Chunk(
        version=run.version,
        collection=collection,
        ordinal=passage.ordinal,
        page=passage.page,
        heading=passage.heading,
        text=passage.text,
        section=passage.section,
        overlap=passage.overlap,
        boxes=passage.boxes,
        quarantine=suspicion,
    )


def _was_released(run: Run, passage: Passage) -> bool:
    """The same words can be found now: an owner has released them from the version before."""
    same = Chunk.objects.filter(heading=passage.heading, text=passage.text, entry__isnull=False)
    return same.filter(version__document=run.document_id).exists()


@contextmanager
def _copy_of_file(run: Run) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        try:
            with run.version.file.open("rb") as stored, path.open("wb") as copy:
                shutil.copyfileobj(stored, copy)
        except FileNotFoundError:
            run.report()  # deleted meanwhile: the lease is lost, which is no failure
            raise
        yield path
