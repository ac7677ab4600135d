"""The chain of audit events: what the trigger refuses, and what `verify_audit` finds when it was switched off."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from structlog.testing import capture_logs

from chatapp.accounts import services, tasks
from chatapp.accounts.models import AuditEvent, User
from chatapp.accounts.selectors import find_head, verify_chain
from chatapp.accounts.services import sealing

pytestmark = pytest.mark.django_db
TABLE = "accounts_auditevent"
INSERT_SEALED = f"""INSERT INTO {TABLE} (id, at, actor_name, action, outcome, object_type, object_id, detail, reason,
  address, origin, number, name_digest, previous_hash, hash) VALUES
  (gen_random_uuid(), now(), '', 'x', 'success', '', '', '{{}}', '', '', '{{}}', 77, 'x', 'x', 'x')"""
SWAP = """UPDATE {} SET number = CASE number WHEN 2 THEN -3 WHEN 3 THEN -2 END WHERE number IN (2, 3);
  UPDATE {} SET number = -number WHERE number < 0"""


def record(actor: User | None, count: int = 5) -> None:
    for number in range(count):
        services.record_event(
            actor=actor, action="document.deleted", detail={"name": f"Rätsel {number}", "size": 1.0, "big": 10**20}
        )


@contextmanager
def as_superuser() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER")
        yield
        cursor.execute(f"ALTER TABLE {TABLE} ENABLE TRIGGER USER")


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def verified(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("verify_audit", *arguments)
    return capsys.readouterr().out


def test_events_are_numbered_without_gaps_and_verify_says_so(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    record(alice)
    assert services.seal_events() == 5
    assert services.seal_events() == 0
    record(None, 2)
    out = verified(capsys)
    head = find_head()
    assert out == f"OK: 7 events are whole. Head: 7 {head.hash}\n"
    assert list(AuditEvent.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3, 4, 5, 6, 7]
    assert verified(capsys, "--from", "5").startswith("OK: 3 events")


@pytest.mark.parametrize(
    "sql",
    [
        f"UPDATE {TABLE} SET action = 'x'",
        f"UPDATE {TABLE} SET hash = repeat('0', 64), number = 99",
        f"UPDATE {TABLE} SET actor_name = 'mallory'",
        f"UPDATE {TABLE} SET number = NULL",
        f"DELETE FROM {TABLE}",
        INSERT_SEALED,
    ],
)
def test_the_database_refuses_changes(sql: str, alice: User) -> None:
    record(alice)
    services.seal_events()
    before = list(AuditEvent.objects.values())
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        run(sql)
    assert list(AuditEvent.objects.values()) == before


def test_the_database_refuses_to_empty_the_table(alice: User) -> None:
    record(alice)
    run(f"ALTER TABLE {TABLE} ENABLE TRIGGER audit_events_are_not_emptied")  # off in tests, which empty all tables
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        run(f"TRUNCATE {TABLE}")
    assert AuditEvent.objects.count() == 5
    run(f"ALTER TABLE {TABLE} DISABLE TRIGGER audit_events_are_not_emptied")


def test_an_unsealed_event_cannot_be_changed_either(alice: User) -> None:
    record(alice, 1)
    for change in ("action = 'x'", "action = 'x', number = 1, hash = 'x'", "actor_name = ''"):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            run(f"UPDATE {TABLE} SET {change}")


@pytest.mark.parametrize(
    "sql, said",
    [
        ("UPDATE {} SET detail = '{{}}' WHERE number = 3", "BROKEN at event 3: it was changed"),
        ("UPDATE {} SET at = at - interval '1 day' WHERE number = 3", "BROKEN at event 3: it was changed"),
        ("UPDATE {} SET actor_id = gen_random_uuid() WHERE number = 3", "BROKEN at event 3: it was changed"),
        ("UPDATE {} SET actor_name = 'bob' WHERE number = 3", "BROKEN at event 3: the name of its actor was changed"),
        ("DELETE FROM {} WHERE number = 3", "BROKEN at event 3: it is missing"),
        ("DELETE FROM {} WHERE number = 1", "BROKEN at event 1: it is missing"),
        (SWAP, "BROKEN at event 2: it does not follow"),
        ("", "BROKEN at event 3: it does not follow"),
    ],
)
def test_verify_names_the_first_event_that_was_tampered_with(sql: str, said: str, alice: User) -> None:
    record(alice)
    services.seal_events()
    with as_superuser():
        if sql:
            run(sql.format(TABLE, TABLE))
        else:
            forge_in_the_middle()
    with pytest.raises(CommandError, match=said):
        call_command("verify_audit")


def forge_in_the_middle() -> None:
    """All later numbers move up by one, and a copy of an event takes the place."""
    run(f"UPDATE {TABLE} SET number = -number - 1 WHERE number >= 3")
    run(f"UPDATE {TABLE} SET number = -number WHERE number < 0")
    copied = AuditEvent.objects.get(number=2)
    copied.pk, copied.number = "11111111-1111-4111-8111-111111111111", 3
    copied.save(force_insert=True)


def test_a_record_that_was_cut_off_or_rewritten_lacks_the_hash_kept_elsewhere(alice: User) -> None:
    record(alice)
    services.seal_events()
    head = find_head().hash
    assert not verify_chain(expected_hash=head).problem
    with as_superuser():
        run(f"DELETE FROM {TABLE} WHERE number = 5")
    assert not verify_chain().problem
    with pytest.raises(CommandError, match="cut off or written anew"):
        call_command("verify_audit", "--expect", head)


def test_an_erased_person_leaves_an_id_and_the_chain_stays_whole(alice: User, bob: User) -> None:
    record(alice, 2)
    record(bob, 1)
    assert services.forget_actor(user=alice) == 2
    names = list(AuditEvent.objects.order_by("number").values_list("actor_name", flat=True))
    assert names == ["", "", "bob"]
    assert set(AuditEvent.objects.values_list("actor_id", flat=True)) == {alice.pk, bob.pk}
    alice.delete()
    assert not verify_chain().problem
    assert AuditEvent.objects.count() == 3


def test_what_the_database_cannot_hold_is_taken_out(alice: User) -> None:
    alice.username = "a\0b"
    services.record_event(actor=alice, action="x", detail={"k\0": ["v\0", {"n": "\ud800"}]}, reason="\0r")
    services.seal_events()
    event = AuditEvent.objects.get()
    assert (event.actor_name, event.detail, event.reason) == ("ab", {"k": ["v", {"n": "?"}]}, "r")
    assert not verify_chain().problem


@pytest.mark.django_db(transaction=True)
def test_writers_and_sealers_at_once_make_one_chain(alice: User) -> None:
    gate = threading.Barrier(5)
    wrong: list[BaseException] = []

    def work(act: Callable[[], object]) -> None:
        try:
            gate.wait()
            for _ in range(15):
                act()
        except BaseException as error:  # noqa: BLE001 - told below
            wrong.append(error)
        finally:
            connection.close()

    def write() -> None:
        with transaction.atomic():
            record(alice, 2)

    acts = [write, write, services.seal_events, services.seal_events, services.seal_some_events]
    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    services.seal_events()
    assert wrong == []
    found = verify_chain()
    assert (found.problem, found.checked, found.unsealed) == ("", 60, 0)


def test_a_task_leaves_sealing_to_whoever_does_it(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    record(alice, 7)
    monkeypatch.setattr(sealing, "BATCH", 2)
    monkeypatch.setattr(sealing, "BATCHES_OF_A_TASK", 3)
    assert services.seal_some_events() == 6
    monkeypatch.setattr(sealing, "_lock", lambda *, wait: False)
    assert services.seal_some_events() == 0


def test_the_head_is_logged_for_a_log_that_is_kept_elsewhere(alice: User) -> None:
    tasks.log_audit_head()
    record(alice, 3)
    tasks.seal_audit_events()
    with capture_logs() as lines:
        tasks.log_audit_head()
    assert [(line["event"], line["number"], line["hash"]) for line in lines] == [("audit_head", 3, find_head().hash)]
