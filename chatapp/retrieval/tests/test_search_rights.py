"""Proof by chance: search by index and by scan gives each reader what a plain filter would give, and no more."""

import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from chatapp.accounts.models import Role, User
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS
from chatapp.retrieval.models import AccessRole, Collection, CollectionAccess, Embedding
from chatapp.retrieval.search import explain_search, find, find_passages
from chatapp.retrieval.tests.conftest import People
from chatapp.retrieval.tests.test_search import fill

K = 10
NO_WORD = "unheard"  # in no passage, so that the order is that of the vectors alone


@dataclass(frozen=True)
class World:
    readers: list[User]
    collections: list[Collection]
    passages: dict[UUID, list[UUID]]
    vectors: dict[UUID, "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"]

    def readable(self, reader: User, slugs: list[str] | None) -> set[UUID]:
        """The rule once more, in Python."""
        if not reader.is_active:
            return set()
        mine = set(reader.groups.values_list("pk", flat=True))
        return {
            chunk
            for collection in self.collections
            if collection.deleted_at is None
            and (collection.created_by == reader or mine & set(collection.groups.values_list("pk", flat=True)))
            and (slugs is None or collection.slug in slugs)
            for chunk in self.passages[collection.pk]
        }

    def nearest(self, query: list[float], readable: set[UUID]) -> list[UUID]:
        distances = {chunk: -float(self.vectors[chunk] @ np.array(query)) for chunk in readable}
        return sorted(distances, key=lambda chunk: (distances[chunk], chunk))[:K]


def make_world(people: People, chance: random.Random) -> World:
    groups = [Group.objects.create(name=f"group {n}") for n in range(4)]
    readers = [User.objects.create_user(username=f"reader{n}", roles=[Role.EMPLOYEE.value]) for n in range(5)]
    for reader in readers:
        reader.groups.set(group for group in groups if chance.random() < 0.4)
    readers[0].is_active = False
    readers[0].save()
    collections, passages = list[Collection](), dict[UUID, list[UUID]]()
    for number in range(8):
        collection = Collection.objects.create(
            slug=f"c{number}",
            name=f"C{number}",
            created_by=chance.choice([None, None, *readers]),
            deleted_at=timezone.now() if number == 7 else None,
        )
        for group in groups:
            if chance.random() < 0.3:
                role = chance.choice(AccessRole.values)
                CollectionAccess.objects.create(collection=collection, group=group, role=role)
        texts = [f"word{n} of collection{number}passage{n}" for n in range(25)]  # none repeats another
        passages[collection.pk] = fill(people, collection, seed=number + 100, texts=texts)
        collections.append(collection)
    vectors = {chunk: np.array(vector) for chunk, vector in Embedding.objects.values_list("chunk", "vector")}
    return World(readers, collections, passages, {key: value / np.linalg.norm(value) for key, value in vectors.items()})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a16_no_reader_finds_what_others_may_read(people: People, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    world = make_world(people, chance)
    monkeypatch.setattr(find, "is_relevant", lambda _: True)
    found_by_index = wanted = 0
    for reader in world.readers:
        for slugs in (None, chance.sample([collection.slug for collection in world.collections], 3)):
            query = np.random.default_rng(chance.randrange(10**6)).normal(size=EMBEDDING_DIMENSIONS).tolist()
            monkeypatch.setattr(find, "embed_query", lambda text, *, scope, model, query=query: query)
            readable = world.readable(reader, slugs)
            nearest = world.nearest(query, readable)
            for limit in (10_000, 0):
                monkeypatch.setattr(find, "EXACT_SCAN_LIMIT", limit)
                asked: dict[str, Any] = {"user": reader, "collections": slugs, "k": K}
                found = [passage.chunk_id for passage in find_passages(query=NO_WORD, **asked)]
                worded = {passage.chunk_id for passage in find_passages(query="word3 word4", **asked)}
                assert set(found) | worded <= readable
                assert bool(worded) == bool(readable)
                if limit:
                    assert found == nearest
                else:
                    found_by_index += len(set(found) & set(nearest))
                    wanted += len(nearest)
    assert wanted > 0
    assert found_by_index / wanted >= 0.95


def test_a16_what_others_write_does_not_show_in_what_is_found(
    people: People, notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the order nor in a score: words are counted, and lengths averaged, over what bob may read."""
    monkeypatch.setattr(find, "is_relevant", lambda _: True)
    monkeypatch.setattr(find, "embed_query", lambda text, *, scope, model: [1.0] * EMBEDDING_DIMENSIONS)
    fill(people, notes, count=20)

    def seen() -> dict[str, object]:
        trace = explain_search(user=people.bob, query="word1 word2 word30", collections=None, k=5).as_dict()
        return {key: value for key, value in trace.items() if key != "milliseconds"}

    before = seen()
    fill(people, Collection.objects.create(slug="secret", name="Secret", created_by=people.ada), count=60, seed=1)
    assert seen() == before
    assert before["withheld"] is None
    trace = explain_search(user=people.ada, query="word1", collections=["notes"], k=5)
    assert trace.withheld == 0
    Collection.objects.filter(slug="secret").update(created_by=people.mallory)
    assert explain_search(user=people.ada, query="word1", collections=["notes"], k=5).withheld == 60
