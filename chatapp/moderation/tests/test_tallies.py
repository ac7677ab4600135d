import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError
from prometheus_client import REGISTRY

from chatapp.moderation import tallies
from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.models import CheckTally, PolicyVersion
from chatapp.moderation.tallies import note_look, store_looks

pytestmark = pytest.mark.django_db

SPEC = {"kind": "pattern", "name": "tallied", "stage": "output", "action": "block", "patterns": ["BLOCKME"]}


@pytest.fixture(autouse=True)
def nothing_waits() -> Iterator[None]:
    tallies._waiting.clear()
    tallies._stored_at = -math.inf
    yield
    tallies._waiting.clear()


@pytest.fixture
def check() -> Check:
    policy = PolicyVersion.objects.create(name="company", number=1, checks=[SPEC])
    return build_checks([SPEC], policy_id=str(policy.id))[0]


def sums() -> Mapping[str, Any]:
    return CheckTally.objects.values("looks", "findings", "failures", "seconds", "slowest_seconds").get()


def test_looks_of_an_hour_are_one_row(check: Check) -> None:
    note_look(check, seconds=0.5, found=True)
    store_looks()
    note_look(check, seconds=0.25, found=False)
    note_look(check, seconds=2.0, found=False, failure="slow")
    store_looks()
    assert sums() == {"looks": 3, "findings": 1, "failures": 1, "seconds": 2.75, "slowest_seconds": 2.0}


def test_nothing_is_lost_between_threads(check: Check) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: note_look(check, seconds=0.5, found=True), range(400)))
    store_looks()
    assert (sums()["looks"], sums()["seconds"]) == (400, 200.0)


def test_without_the_database_sums_wait(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_taken: object) -> None:
        raise DatabaseError

    note_look(check, seconds=1.0, found=True)
    with monkeypatch.context() as patch:
        patch.setattr(tallies, "_store", away)
        store_looks()
    note_look(check, seconds=1.0, found=True)
    store_looks()
    assert sums()["looks"] == 2


def test_a_deleted_policy_keeps_nobody_from_counting(check: Check) -> None:
    gone = build_checks([SPEC], policy_id=str(uuid4()))[0]
    for one in (gone, check):
        note_look(one, seconds=1.0, found=False)
    store_looks()
    assert sums()["looks"] == 1


def test_what_waits_is_bounded(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MAX_WAITING", 1)
    for one in (check, build_checks([SPEC], policy_id=str(uuid4()))[0], check):
        note_look(one, seconds=1.0, found=False)
    assert [each.looks for each in tallies._waiting.values()] == [2]


def test_prometheus_sees_seconds_and_failures(check: Check) -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    before = value("chatapp_moderation_check_failures_total", check="tallied", failure="down")
    note_look(check, seconds=0.1, found=False, failure="down")
    assert value("chatapp_moderation_check_failures_total", check="tallied", failure="down") == before + 1
    assert value("chatapp_moderation_check_seconds_count", check="tallied", stage="output") > 0


def test_a_busy_process_stores_now_and_then(check: Check) -> None:
    for _ in range(3):
        note_look(check, seconds=1.0, found=False)
        store_looks(pause=60)
    assert sums()["looks"] == 1
    store_looks()
    assert sums()["looks"] == 3
