"""What rules delete, what holds keep, and who may set them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from axes.models import AccessAttempt
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.lockout import stand_in_for
from chatapp.accounts.models import AuditEvent, User
from chatapp.conversations import services as conversations
from chatapp.conversations.models import Conversation, Origin
from chatapp.errors import ChatappError
from chatapp.evaluation.models import Alert, AlertChannel, AlertDelivery
from chatapp.inference.models import AnswerOutcome, WorkerOrder
from chatapp.moderation.models import CheckTally, Exchange, Flag, FlagStatus, PolicyVersion, Verdict
from chatapp.privacy.models import Kind, RetentionRun
from chatapp.privacy.models.retention import DEFAULT_DAYS
from chatapp.privacy.selectors.retention import preview_for
from chatapp.privacy.services import retention
from chatapp.privacy.services.holds import place_hold, release_hold
from chatapp.privacy.services.retention import run_retention, set_rule
from chatapp.retrieval.models import Collection, Document, DocumentVersion
from chatapp.retrieval.services import delete_document

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(days=40)


def conversation(owner: User, age: timedelta = LONG_AGO, **fields: Any) -> Conversation:
    made = Conversation.objects.create(owner=owner, title="t", **fields)
    Conversation.objects.filter(id=made.id).update(updated_at=timezone.now() - age)
    return made


def exchange(user: User, status: str | None = None) -> Exchange:
    made = Exchange.objects.create(generation_id=uuid4(), user=user, question="q", answer="a")
    if status is not None:
        verdict = Verdict.objects.create(exchange=made, check_name="c", stage="input", action="flag", severity="low")
        decided = timezone.now() - LONG_AGO if status != FlagStatus.OPEN else None
        Flag.objects.create(exchange=made, verdict=verdict, severity="low", status=status, decided_at=decided)
    Exchange.objects.filter(pk=made.pk).update(created_at=timezone.now() - LONG_AGO)
    return made


def test_without_rules_nothing_is_deleted(alice: User) -> None:
    conversation(alice)
    assert run_retention().removed == {}
    assert Conversation.objects.count() == 1


def test_only_what_is_old_enough_goes(ada: User, alice: User) -> None:
    conversation(alice)
    young, api = conversation(alice, timedelta(days=29)), conversation(alice, origin=Origin.API)
    set_rule(user=ada, kind=Kind.CONVERSATIONS, days=30)
    nothing = dict.fromkeys(DEFAULT_DAYS, 0)
    assert preview_for(ada) == {Kind.CONVERSATIONS: 1, **nothing}
    assert run_retention().removed == {"conversations": 1}
    assert set(Conversation.objects.values_list("id", flat=True)) == {young.id, api.id}
    run = RetentionRun.objects.get()
    assert (run.removed, run.finished_at is not None) == ({"conversations": 1}, True)
    assert AuditEvent.objects.filter(action="privacy.retention_ran").count() == 1


def test_figures_of_checks_are_kept_for_400_days(ada: User) -> None:
    policy = PolicyVersion.objects.create(name="company", number=1)
    for days in (1, 399, 401):
        hour = timezone.now() - timedelta(days=days)
        CheckTally.objects.create(hour=hour, policy=policy, check_name="words", stage="output")
    hold = place_hold(user=ada, scope="everyone", name="", reason="An inquiry.")
    assert run_retention().removed == {}
    release_hold(user=ada, hold_id=hold.id)
    assert run_retention().removed == {"check_figures": 1}
    assert CheckTally.objects.count() == 2


def test_closed_alerts_and_finished_orders_are_kept_for_400_days(ada: User) -> None:
    channel = AlertChannel.objects.create(kind="mail", address="ops@example.org")
    for days in (399, 401, None):
        ended = None if days is None else timezone.now() - timedelta(days=days)
        seen = ended or timezone.now() - timedelta(days=500)
        alert = Alert.objects.create(
            kind="spike", metric="errors", value=1, baseline=0, answers=9, users=9, seen_at=seen, closed_at=ended
        )
        AlertDelivery.objects.create(channel=channel, alert=alert, event="opened", next_try_at=seen)
        test = AlertDelivery.objects.create(channel=channel, event="test", next_try_at=seen)
        AlertDelivery.objects.filter(pk=test.pk).update(created_at=seen)
        state = "done" if ended else "waiting"
        WorkerOrder.objects.create(worker="w", kind="drain", state=state, deadline=seen, finished_at=ended)
    hold = place_hold(user=ada, scope="everyone", name="", reason="An inquiry.")
    assert run_retention().removed == {}
    release_hold(user=ada, hold_id=hold.id)
    assert run_retention().removed == {"operations": 4}
    assert (Alert.objects.count(), WorkerOrder.objects.count(), AlertDelivery.objects.count()) == (2, 2, 3)


def test_flags_go_when_all_of_an_exchange_are_decided(ada: User, alice: User) -> None:
    plain, waits, decided = exchange(alice), exchange(alice, FlagStatus.OPEN), exchange(alice, FlagStatus.UPHELD)
    set_rule(user=ada, kind=Kind.FLAGS, days=30)
    assert run_retention().removed == {"flags": 1}
    assert not Exchange.objects.filter(pk=decided.pk).exists()
    set_rule(user=ada, kind=Kind.EXCHANGES, days=30)
    assert run_retention().removed == {"exchanges": 1}
    assert [left.pk for left in Exchange.objects.all()] == [waits.pk]
    assert plain.pk != waits.pk


def test_usage_and_old_versions_go(ada: User, alice: User, settings: Any, tmp_path: Any) -> None:
    outcome = AnswerOutcome.objects.create(generation_id=uuid4(), user=alice, status="complete")
    AnswerOutcome.objects.filter(pk=outcome.pk).update(created_at=timezone.now() - LONG_AGO)
    document = make_document()
    for kind in (Kind.USAGE, Kind.OLD_VERSIONS):
        set_rule(user=ada, kind=kind, days=30)
    assert run_retention().removed == {"usage": 1, "old_versions": 1}
    assert [version.number for version in document.versions.all()] == [2]


def make_document() -> Document:
    collection = Collection.objects.create(slug="hr", name="HR")
    document = Document.objects.create(collection=collection, name="a.md")
    versions = [
        DocumentVersion.objects.create(document=document, number=number, file="x", media_type="t", size=1, sha256="")
        for number in (1, 2)
    ]
    document.current = versions[1]
    document.save()
    DocumentVersion.objects.update(created_at=timezone.now() - LONG_AGO)
    return document


def test_a_hold_keeps_a_persons_data_and_no_other(ada: User, alice: User, bob: User) -> None:
    kept = conversation(alice)
    conversation(bob)
    exchange(alice)
    for kind in (Kind.CONVERSATIONS, Kind.EXCHANGES):
        set_rule(user=ada, kind=kind, days=30)
    hold = place_hold(user=ada, scope="person", name="alice", reason="case 1")
    assert run_retention().removed == {"conversations": 1}
    conversations.delete_conversation(user=alice, conversation_id=kept.id)
    Conversation.objects.update(updated_at=Now())
    assert Conversation.objects.get().deleted_at is not None
    assert run_retention().removed == {}
    release_hold(user=ada, hold_id=hold.id)
    assert run_retention().removed == {"exchanges": 1, "released": 1}
    assert not Conversation.objects.exists()


def test_a_hold_on_everyone_and_on_a_collection(ada: User, alice: User) -> None:
    conversation(alice)
    document = make_document()
    for kind in Kind:
        set_rule(user=ada, kind=kind, days=30)
    hold = place_hold(user=ada, scope="everyone", name="", reason="inquiry")
    assert run_retention().removed == {}
    release_hold(user=ada, hold_id=hold.id)
    place_hold(user=ada, scope="collection", name="hr", reason="inquiry")
    assert run_retention().removed == {"conversations": 1}
    with pytest.raises(ChatappError) as refused:
        delete_document(user=ada, document=document)
    assert refused.value.code in {"under_hold", "forbidden"}
    assert document.versions.count() == 2


def failed_sign_in(name: str, age: timedelta) -> AccessAttempt:
    attempt: AccessAttempt = AccessAttempt.objects.create(username=stand_in_for(name), failures_since_start=1)
    AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=timezone.now() - age)
    return attempt


def test_failed_sign_ins_go_after_a_day_without_a_rule_but_for_those_that_lock_or_are_held(
    ada: User, alice: User, bob: User, settings: Any
) -> None:
    settings.LOGIN_LOCKOUT_MINUTES = 60 * 24 * 3
    held, locks = failed_sign_in("alice", LONG_AGO), failed_sign_in("bob", timedelta(days=2))
    failed_sign_in("bob", LONG_AGO)
    hold = place_hold(user=ada, scope="person", name="alice", reason="case 1")
    assert run_retention().removed == {"failed_sign_ins": 1}
    assert set(AccessAttempt.objects.values_list("pk", flat=True)) == {held.pk, locks.pk}
    release_hold(user=ada, hold_id=hold.id)
    assert run_retention().removed == {"failed_sign_ins": 1}
    settings.LOGIN_LOCKOUT_MINUTES = 15
    assert run_retention().removed == {"failed_sign_ins": 1}


def test_no_rule_deletes_the_audit_log(ada: User, alice: User) -> None:
    conversation(alice)
    set_rule(user=ada, kind=Kind.CONVERSATIONS, days=30)
    events = set(AuditEvent.objects.values_list("pk", flat=True))
    for kind in Kind:
        set_rule(user=ada, kind=kind, days=1)
    assert run_retention().removed == {"conversations": 1}
    assert events <= set(AuditEvent.objects.values_list("pk", flat=True))
    for name in ("audit", "accounts_auditevent"):
        with pytest.raises(ChatappError, match="understood"):
            set_rule(user=ada, kind=name, days=1)


def test_a_run_works_in_batches_and_the_next_one_goes_on(
    ada: User, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(7):
        conversation(alice)
    set_rule(user=ada, kind=Kind.CONVERSATIONS, days=30)
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "MOST_BATCHES", 2)
    assert run_retention().removed == {"conversations": 4}
    assert run_retention().removed == {"conversations": 3}


@pytest.mark.parametrize("kind, days", [("nothing", 3), (Kind.USAGE, 0), (Kind.USAGE, -1), (Kind.USAGE, 10**9)])
def test_odd_rules_are_refused(ada: User, kind: str, days: int) -> None:
    with pytest.raises(ChatappError, match="understood"):
        set_rule(user=ada, kind=kind, days=days)


@pytest.mark.parametrize(
    "scope, name, reason",
    [
        ("person", "nobody", "r"),
        ("collection", "x", "r"),
        ("planet", "", "r"),
        ("everyone", "", " "),
        ("person", "a\0", "r"),
    ],
)
def test_odd_holds_are_refused(ada: User, scope: str, name: str, reason: str) -> None:
    with pytest.raises(ChatappError, match="understood"):
        place_hold(user=ada, scope=scope, name=name, reason=reason)


def test_nobody_else_may_set_or_see_them(ada: User, mallory: User, mona: User) -> None:
    hold = place_hold(user=ada, scope="everyone", name="", reason="inquiry")
    for stranger in (mallory, mona):
        with pytest.raises(ChatappError, match="may not"):
            set_rule(user=stranger, kind=Kind.USAGE, days=3)
        with pytest.raises(ChatappError, match="may not"):
            place_hold(user=stranger, scope="everyone", name="", reason="r")
        with pytest.raises(ChatappError, match="nothing here"):
            release_hold(user=stranger, hold_id=hold.id)
        assert preview_for(stranger) == {}
