"""Files that are broken on purpose or by chance: each fails with a reason or is read, and the worker lives."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapp.accounts.models import User
from chatapp.retrieval import services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS
from chatapp.retrieval.formats import Format
from chatapp.retrieval.models import Chunk, Collection, DocumentStatus, SearchEntry
from chatapp.retrieval.parsing import Reason
from chatapp.retrieval.services import processing
from tests.security.bad_files import GOOD, READY, BadFile, all_bad_files, duplicated
from tests.security.reading_child import ReadingChild

BAD_FILES = all_bad_files()
MUTATIONS_PER_FORMAT = 25


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadingChild]:
    child = ReadingChild(tmp_path_factory.mktemp("reading"))
    yield child
    child.close()


def test_there_are_more_than_forty_kinds() -> None:
    assert len({bad.name for bad in BAD_FILES}) == len(BAD_FILES)
    assert len(BAD_FILES) > 40
    assert {bad.kind for bad in BAD_FILES} == set(Format)


@pytest.mark.parametrize("kind", list(Format))
def test_the_good_files_are_good(kind: Format, child: ReadingChild) -> None:
    is_picture = kind in {Format.PNG, Format.JPEG, Format.TIFF}  # the child has no text recognition
    assert child.read(kind, GOOD[kind]) == (Reason.OCR_OFF.name if is_picture else READY)


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_d03_d04_each_bad_file_ends_as_it_should(bad: BadFile, child: ReadingChild) -> None:
    outcome = child.read(bad.kind, bad.data)
    if bad.outcome is None:
        assert outcome in {READY, *Reason.__members__}
    else:
        assert outcome == bad.outcome
    assert not child.crashes


@st.composite
def mutations(draw: st.DrawFn, kind: Format) -> bytes:
    """A good file that was cut, flipped, spliced with another, stretched, or, as an archive, changed inside."""
    good = GOOD[kind]
    place = st.integers(0, len(good) - 1)
    how = draw(st.sampled_from(["cut", "flip", "splice", "repeat", "insert", "inside", "twice"]))
    if how in {"inside", "twice"} and zipfile.is_zipfile(io.BytesIO(good)):
        return duplicated(good) if how == "twice" else _changed_inside(draw, good)
    start, end = sorted((draw(place), draw(place)))
    if how == "cut":
        return good[:start] + good[end:] or b"x"
    if how == "splice":
        return good[:start] + GOOD[draw(st.sampled_from(list(Format)))][end:] or b"x"
    if how == "repeat":
        return good[:end] + good[start:end] * draw(st.integers(1, 20)) + good[end:]
    if how == "insert":
        return good[:start] + draw(st.binary(min_size=1, max_size=40)) + good[start:]
    return _flipped(draw, good)


def _flipped(draw: st.DrawFn, data: bytes) -> bytes:
    flipped = bytearray(data)
    for at in draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=20)):
        flipped[at] ^= draw(st.integers(1, 255))
    return bytes(flipped)


def _changed_inside(draw: st.DrawFn, data: bytes) -> bytes:
    """One member of the archive flipped, with sizes and checksums that are right."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        names = source.namelist()
        chosen = draw(st.sampled_from([name for name in names if source.read(name)]))
        for name in names:
            content = source.read(name)
            target.writestr(name, _flipped(draw, content) if name == chosen else content)
    return file.getvalue()


@pytest.mark.parametrize("kind", list(Format))
def test_d03_d04_whatever_happens_to_a_good_file_has_an_end(kind: Format, child: ReadingChild) -> None:
    @settings(
        max_examples=MUTATIONS_PER_FORMAT,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=mutations(kind))
    def ends(data: bytes) -> None:
        assert child.read(kind, data) in {READY, *Reason.__members__}

    ends()
    assert not child.crashes


@pytest.fixture
def notes(alice: User, ada: User, monkeypatch: pytest.MonkeyPatch) -> Collection:
    def embed(texts: list[str], **_: Any) -> list[list[float]]:
        return [[1.0] + [0.0] * (EMBEDDING_DIMENSIONS - 1)] * len(texts)

    monkeypatch.setattr(processing, "embed_texts", embed)
    return services.create_collection(user=ada, slug="notes", name="Notes", groups={"engineering": "editor"})


# One for each way to fail, through the very child that workers start.
THROUGH_THE_WORKER = [
    "empty-pdf", "cut-docx", "locked-pptx", "entities-xlsx", "bomb-xlsx", "only-rules", "own-parent", "no-file",
    "one-good",
]  # fmt: skip


@pytest.mark.parametrize("name", THROUGH_THE_WORKER)
def test_f31_of_a_bad_document_nothing_is_found_and_the_next_one_is_read(
    name: str, notes: Collection, alice: User
) -> None:
    bad = next(bad for bad in BAD_FILES if bad.name == name)
    found = {}
    for filename, data in ((f"bad.{bad.kind}", bad.data), ("good.md", b"# Leave\n\nEverybody has 28 days.")):
        document = services.upload_document(
            user=alice, collection=notes, name=filename, data=data, media_type="application/octet-stream"
        )
        services.process_document(document_id=document.pk)
        document.refresh_from_db()
        found[filename] = document
    assert found["good.md"].status == DocumentStatus.READY
    document = found[f"bad.{bad.kind}"]
    chunks = Chunk.objects.filter(version__document=document)
    entries = SearchEntry.objects.filter(chunk__version__document=document)
    if document.status == DocumentStatus.READY:
        assert bad.outcome in {READY, None}
        assert entries.count() == chunks.count() > 0
    else:
        assert document.status == DocumentStatus.FAILED
        assert document.error in {reason.value for reason in Reason}
        assert not chunks.exists()
        assert not entries.exists()
