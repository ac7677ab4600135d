"""What surrounds a passage: the whole of a short document, else the section, within a budget, never what is hidden."""

import pytest

from chatapp.accounts.models import User
from chatapp.retrieval.context import REACH, widen
from chatapp.retrieval.models import Chunk, Collection, Document, DocumentVersion
from chatapp.retrieval.search import Passage
from chatapp.retrieval.services.indexing import publish_passages
from chatapp.retrieval.tests.conftest import People

Written = tuple[str, int, str]  # heading, section, text


def write(collection: Collection, name: str, passages: list[Written], *, overlap: int = 0) -> list[Chunk]:
    document = Document.objects.create(collection=collection, name=name, status="ready")
    version = DocumentVersion.objects.create(document=document, number=1, file="none", size=1, sha256="0" * 64)
    chunks = Chunk.objects.bulk_create(
        Chunk(
            version=version,
            collection=collection,
            ordinal=ordinal,
            heading=heading,
            section=section,
            text=text,
            overlap=overlap if ordinal else 0,
        )
        for ordinal, (heading, section, text) in enumerate(passages)
    )
    publish_passages([chunk.pk for chunk in chunks])
    return chunks


def found(chunk: Chunk) -> Passage:
    return Passage(
        chunk_id=chunk.pk,
        document_id=chunk.version.document_id,
        document_version_id=chunk.version_id,
        document_name="x",
        collection="notes",
        page=None,
        heading=chunk.heading,
        text=chunk.text,
        score=1,
        similarity=1,
        ordinal=chunk.ordinal,
        section=chunk.section,
    )


SECTIONS = [("A", 0, "a1."), ("A", 0, "a2."), ("B", 1, "b1."), ("B", 1, "b2."), ("B", 1, "b3."), ("C", 2, "c1.")]


@pytest.fixture
def chunks(notes: Collection) -> list[Chunk]:
    return write(notes, "a.md", SECTIONS)


def given(passages: list[Chunk], user: User, characters: int) -> list[str]:
    return [passage.given for passage in widen([found(chunk) for chunk in passages], user=user, characters=characters)]


def test_a_short_document_is_given_whole(people: People, chunks: list[Chunk]) -> None:
    assert given([chunks[3]], people.bob, 1_000) == ["A\na1.\n\na2.\n\nB\nb1.\n\nb2.\n\nb3.\n\nC\nc1."]


def test_else_the_section_and_else_the_passage(people: People, chunks: list[Chunk]) -> None:
    assert given([chunks[3]], people.bob, 15) == ["b1.\n\nb2.\n\nb3."]
    assert given([chunks[3]], people.bob, 10) == given([chunks[3]], people.bob, 0) == ["b2."]


def test_nothing_is_given_twice_and_the_budget_holds_for_all(people: People, chunks: list[Chunk]) -> None:
    first, second = given([chunks[3], chunks[2]], people.bob, 1_000)
    assert "b1." not in first
    assert second == "b1."
    assert given([chunks[0], chunks[3]], people.bob, 12) == ["a1.\n\na2.", "b2."]


def test_a_long_document_is_not_taken_for_a_short_one(people: People, notes: Collection) -> None:
    chunks = write(notes, "long.md", [(f"H{n}", n, f"t{n}.") for n in range(3 * REACH)])
    assert given([chunks[0]], people.bob, 100_000) == ["t0."]
    assert given([chunks[REACH]], people.bob, 100_000) == ["t12."]


def test_what_neighbours_share_is_given_once(people: People, notes: Collection) -> None:
    chunks = write(notes, "b.md", [("A", 0, "One two."), ("A", 0, "two. Three.")], overlap=len("two."))
    assert given([chunks[0]], people.bob, 1_000) == ["One two.\n\nThree."]


def test_a19_disabled_waiting_and_foreign_passages_stay_out(people: People, chunks: list[Chunk]) -> None:
    chunks[4].entry.delete()
    assert given([chunks[3]], people.bob, 15) == ["b1.\n\nb2."]
    people.bob.groups.clear()
    assert given([chunks[3]], people.bob, 1_000) == given([chunks[3]], people.mallory, 1_000) == ["b2."]
