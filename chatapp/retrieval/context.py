"""What surrounds the passages that were found: small ones are found best, larger ones are understood best."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from uuid import UUID

from chatapp.accounts.models import User
from chatapp.retrieval.models import Chunk
from chatapp.retrieval.search import Passage
from chatapp.retrieval.selectors.passages import list_neighbours_for

# Each side of a passage: more do not fit into any sensible budget.
REACH = 12

Neighbours = Mapping[UUID, Mapping[int, Chunk]]


def widen(passages: Sequence[Passage], *, user: User, characters: int) -> list[Passage]:
    """The passages with what stands around them, the best first, until all of them together have `characters`.

    Where the whole document fits it is given, else the section, else the passage alone. Nothing is given twice, and
    nothing that search could not find: no disabled passage, none that waits for release.
    """
    left = characters - sum(len(passage.text) for passage in passages)
    if left <= 0 or not passages:
        return list(passages)
    neighbours = _neighbours(passages, user)
    given = {(passage.document_version_id, passage.ordinal) for passage in passages}
    widened = []
    for passage in passages:
        around = neighbours.get(passage.document_version_id, {})
        chosen = next((run for run in _runs(passage, around) if _size(run, given) <= left), [])
        fresh = [chunk for chunk in chosen if chunk.ordinal == passage.ordinal or _key(chunk) not in given]
        left -= _size(chosen, given)
        given |= {_key(chunk) for chunk in fresh}
        widened.append(replace(passage, context=_join(passage, fresh)) if len(fresh) > 1 else passage)
    return widened


def _neighbours(passages: Sequence[Passage], user: User) -> dict[UUID, dict[int, Chunk]]:
    found: dict[UUID, dict[int, Chunk]] = {}
    places = [(passage.document_version_id, passage.ordinal) for passage in passages]
    for chunk in list_neighbours_for(user, places, reach=REACH):
        found.setdefault(chunk.version_id, {})[chunk.ordinal] = chunk
    return found


def _runs(passage: Passage, around: Mapping[int, Chunk]) -> Iterator[list[Chunk]]:
    """Neighbours in order, the largest choice first: the whole document, then the section."""
    here = around.get(passage.ordinal)
    if here is None:
        return
    document = _run(around, passage.ordinal, lambda _: True)
    if document[0].ordinal == 0 and document[-1].ordinal == max(around) < passage.ordinal + REACH:
        yield document
    yield _run(around, passage.ordinal, lambda chunk: (chunk.section, chunk.heading) == (here.section, here.heading))


def _run(around: Mapping[int, Chunk], start: int, belongs: Callable[[Chunk], bool]) -> list[Chunk]:
    def reach(step: int) -> Iterator[Chunk]:
        ordinal = start + step
        while (chunk := around.get(ordinal)) and belongs(chunk):
            yield chunk
            ordinal += step

    return [*reversed(list(reach(-1))), around[start], *reach(1)]


def _key(chunk: Chunk) -> tuple[UUID, int]:
    return chunk.version_id, chunk.ordinal


def _size(chunks: Sequence[Chunk], given: AbstractSet[tuple[UUID, int]]) -> int:
    return sum(len(chunk.text) + len(chunk.heading) for chunk in chunks if _key(chunk) not in given)


def _join(passage: Passage, chunks: Sequence[Chunk]) -> str:
    parts, heading, before = list[str](), passage.heading, -1
    for chunk in chunks:
        follows = chunk.ordinal == before + 1
        text = chunk.text[chunk.overlap :].lstrip() if follows else chunk.text
        parts.append(text if chunk.heading == heading else f"{chunk.heading}\n{text}")
        heading, before = chunk.heading, chunk.ordinal
    return "\n\n".join(parts)
