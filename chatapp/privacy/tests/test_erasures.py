"""Erasing a person: who may ask, what holds it up, what is left, and what the receipt says."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from axes.models import AccessAttempt
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from chatapp.accounts.limits import store
from chatapp.accounts.limits.allowances import buckets_of_route, forget_limits
from chatapp.accounts.lockout import stand_in_for
from chatapp.accounts.models import ApiKey, AuditEvent, LimitPeriod, LimitSubject, LimitUnit, SignIn, User
from chatapp.accounts.services import create_api_key, set_rate_limit
from chatapp.conversations.services import post_message
from chatapp.conversations.tests.answering import Answerer
from chatapp.errors import ChatappError
from chatapp.evaluation.models import Audience, Choice, Volunteer, Vote
from chatapp.evaluation.services import volunteer, vote
from chatapp.evaluation.tests.comparing import opened
from chatapp.inference.models import AnswerOutcome, Route
from chatapp.moderation.models import Flag
from chatapp.moderation.services import create_policy_version
from chatapp.privacy.models import Erasure, ErasureStatus, HoldScope, LegalHold
from chatapp.privacy.selectors.archive import parts_of
from chatapp.privacy.selectors.erasures import is_genuine
from chatapp.privacy.services import exports
from chatapp.privacy.services.erasures import cancel_erasure, request_erasure, run_due_erasures
from chatapp.privacy.sql import find_mentions
from chatapp.privacy.tests.conftest import CANARY, find_in_redis
from tests.people import make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _plain_text(settings: Any, tmp_path: Any) -> None:
    """What is encrypted could not be found."""
    settings.ENCRYPT_MESSAGES = False
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}},
    }


@pytest.fixture
def wilhelmina(db: None) -> User:
    """A name that nothing else in the database has."""
    person = make_person("wilhelmina")
    person.email = "wilhelmina@example.com"
    person.save()
    return person


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def erase(person: User) -> Erasure:
    erasure = request_erasure(user=person, person=person, confirmation=person.username)
    Erasure.objects.update(due_at=Now() - timedelta(seconds=1))
    run_due_erasures()
    erasure.refresh_from_db()
    return erasure


def test_everything_of_the_person_is_gone_and_the_receipt_proves_it(
    wilhelmina: User, bob: User, answer: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_send", lambda _: None)
    check = {"kind": "pattern", "stage": "input", "action": "flag", "severity": "low", "patterns": ["flagged"]}
    create_policy_version(user=None, name="Words", checks=[check], activate=True)
    signed_in(wilhelmina)
    create_api_key(user=wilhelmina, name="script")
    for name in ("Wilhelmina", "wilhelmina@example.com", "bob"):
        AccessAttempt.objects.create(username=stand_in_for(name), failures_since_start=1)
    answer(wilhelmina, f"What does the {CANARY} do?")
    answer(wilhelmina, f"Is the {CANARY} flagged?")
    others = answer(bob, "Something else")
    export = exports.request_export(user=wilhelmina)
    exports.make_export(export_id=export.id)
    assert Flag.objects.count() == 1

    erasure = erase(wilhelmina)

    assert erasure.status == ErasureStatus.DONE
    kept = {"accounts_auditevent"}
    of_bob = find_mentions(str(others.id))  # His answer has the canary too: the model says it to everybody.
    assert set(find_mentions(CANARY)) <= {"conversations_message", "moderation_exchange"} & {
        *of_bob,
        "conversations_message",
    }
    assert set(find_mentions("wilhelmina")) <= kept
    assert (ApiKey.objects.count(), SignIn.objects.count(), Flag.objects.count()) == (0, 0, 0)
    removed = erasure.receipt["removed"]
    assert removed["conversations"] == 2
    assert removed["messages"] == 4
    assert (removed["flags_with_excerpts"], removed["exchanges_with_withheld_text"], removed["exports"]) == (1, 2, 1)
    assert (removed["api_keys"] >= 1, removed["sessions"]) == (True, 1)
    assert removed["failed_sign_ins"] == 2
    assert [attempt.username for attempt in AccessAttempt.objects.all()] == [stand_in_for("bob")]
    assert erasure.receipt["left"] == {}
    assert set(erasure.receipt["rows_that_name_them"]) <= kept
    assert AnswerOutcome.objects.filter(user=None).count() == 2  # Counts stay, and are nobody's.
    assert is_genuine(erasure)
    erasure.receipt["removed"]["messages"] = 5
    assert not is_genuine(erasure)


def test_votes_stay_and_are_nobodys(wilhelmina: User, oscar: User) -> None:
    comparison = opened(oscar, "What?", audience=Audience.VOLUNTEERS)
    volunteer(user=wilhelmina)
    vote(user=wilhelmina, pair_id=comparison.pairs.get().pk, said="tie", reason=f"Both say {CANARY}.")
    assert [row["vote"] for row in json.loads(dict(parts_of(wilhelmina))["votes.json"])] == ["tie"]
    erase(wilhelmina)
    kept = Vote.objects.get()
    assert (kept.choice, kept.voter, kept.reason, Volunteer.objects.count()) == (Choice.TIE, None, "", 0)


def test_no_word_is_left_in_the_database_or_in_redis(wilhelmina: User, answer: Answerer) -> None:
    of_other_tests = set(find_in_redis(CANARY))
    answer(wilhelmina, f"What does the {CANARY} do?")
    assert set(find_in_redis(CANARY)) - of_other_tests
    erase(wilhelmina)
    assert find_mentions(CANARY) == {}
    assert set(find_in_redis(CANARY)) <= of_other_tests


def left_of_route(user: User) -> int:
    (bucket,) = buckets_of_route(user, Route.DEFAULT)
    return store.take({bucket: 0.0}).levels[0].remaining


def test_what_a_queued_answer_reserved_of_a_shared_limit_comes_back(
    wilhelmina: User, ada: User, answer: Answerer
) -> None:
    day: dict[str, Any] = {"unit": LimitUnit.TOKENS, "period": LimitPeriod.DAY}
    set_rate_limit(actor=ada, subject=LimitSubject.ROUTE, name=Route.DEFAULT, amount=100_000, **day)
    forget_limits()
    post_message(user=wilhelmina, text="Still there?", message_id=uuid4(), conversation_id=None)
    assert left_of_route(ada) < 99_000
    erase(wilhelmina)
    assert left_of_route(ada) >= 99_999
    forget_limits()


def test_the_account_is_closed_and_names_nobody(wilhelmina: User) -> None:
    client = signed_in(wilhelmina)
    erase(wilhelmina)
    wilhelmina.refresh_from_db()
    assert not wilhelmina.is_active
    assert (wilhelmina.email, wilhelmina.first_name, wilhelmina.roles) == ("", "", [])
    assert wilhelmina.username.startswith("erased-")
    assert client.get("/")["Location"].startswith("/accounts/login/")
    events = AuditEvent.objects.filter(actor=wilhelmina)
    assert events.exists()
    assert set(events.values_list("actor_name", flat=True)) == {""}


def test_a_hold_stops_it_until_it_is_released(wilhelmina: User, answer: Answerer) -> None:
    answer(wilhelmina)
    erasure = request_erasure(user=wilhelmina, person=wilhelmina, confirmation="wilhelmina")
    hold = LegalHold.objects.create(scope=HoldScope.PERSON, person=wilhelmina, reason="case 1")
    Erasure.objects.update(due_at=Now() - timedelta(seconds=1))
    assert run_due_erasures() == 0
    erasure.refresh_from_db()
    assert erasure.status == ErasureStatus.HELD
    assert b"legal hold" in signed_in(wilhelmina).get(reverse("settings_privacy")).content
    with pytest.raises(ChatappError):
        request_erasure(user=wilhelmina, person=wilhelmina, confirmation="wilhelmina")
    LegalHold.objects.filter(id=hold.id).update(released_at=Now())
    assert run_due_erasures() == 1


def test_it_begins_after_the_cooling_off_time_and_can_be_cancelled(wilhelmina: User) -> None:
    client = signed_in(wilhelmina)
    client.post(reverse("privacy_erasure"), {"confirmation": "wilhelmina"})
    erasure = Erasure.objects.get()
    assert run_due_erasures() == 0
    assert b"erasure-waits" in client.get(reverse("settings_privacy")).content
    client.post(reverse("privacy_erasure_cancel", args=[erasure.id]))
    Erasure.objects.update(due_at=Now() - timedelta(seconds=1))
    assert run_due_erasures() == 0
    assert User.objects.get(id=wilhelmina.id).is_active


@pytest.mark.parametrize("typed", ["", "alice", "Wilhelmina", "wilhelmina "])
def test_the_name_has_to_be_typed(wilhelmina: User, typed: str) -> None:
    assert signed_in(wilhelmina).post(reverse("privacy_erasure"), {"confirmation": typed}).status_code == 400
    assert not Erasure.objects.exists()


def test_only_oneself_or_who_manages_privacy_may_ask(wilhelmina: User, mallory: User, ada: User) -> None:
    with pytest.raises(ChatappError) as refused:
        request_erasure(user=mallory, person=wilhelmina, confirmation="wilhelmina")
    assert refused.value.code == "forbidden"
    erasure = request_erasure(user=ada, person=wilhelmina, confirmation="wilhelmina", reason="left")
    cancel = reverse("privacy_erasure_cancel", args=[erasure.id])
    assert signed_in(mallory).post(cancel).status_code == 404
    assert signed_in(mallory).post(reverse("privacy_erasure_cancel", args=[uuid4()])).status_code == 404
    with pytest.raises(ChatappError) as refused:
        request_erasure(user=ada, person=wilhelmina, confirmation="wilhelmina")
    assert refused.value.code == "erasure_open"
    cancel_erasure(user=wilhelmina, erasure_id=erasure.id)
    with pytest.raises(ChatappError) as refused:
        cancel_erasure(user=wilhelmina, erasure_id=erasure.id)
    assert refused.value.code == "erasure_over"


def test_the_last_administrator_stays(ada: User) -> None:
    with pytest.raises(ChatappError) as refused:
        request_erasure(user=ada, person=ada, confirmation="ada")
    assert refused.value.code == "last_administrator"


def test_an_erasure_that_breaks_off_is_done_by_the_next_run(
    wilhelmina: User, answer: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(wilhelmina)
    from chatapp.privacy.services import erasing

    def fail(_: User) -> dict[str, int]:
        raise OSError

    whole = erasing._detach
    monkeypatch.setattr(erasing, "_detach", fail)
    erasure = erase(wilhelmina)
    assert erasure.status == ErasureStatus.COOLING_OFF
    monkeypatch.setattr(erasing, "_detach", whole)
    assert run_due_erasures() == 1
    assert find_mentions("wilhelmina", without=frozenset({"accounts_auditevent"})) == {}
