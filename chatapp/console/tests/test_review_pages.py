"""The review pages: what each step shows, many at once, undo, leases, and personal data on request only."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import AuditEvent, User
from chatapp.console.templatetags.figures import due
from chatapp.moderation.checks.findings import Finding
from chatapp.moderation.models import Action, Exchange, Flag, FlagDecision, FlagSource, Severity, Stage
from chatapp.moderation.services import claim_flag, raise_flag, record_exchange
from chatapp.retrieval.services import create_collection, upload_document
from tests.people import make_person

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
ClientOf = Callable[[str], Client]


def make_flag(answer: str = "the secret plan", *, severity: Severity = Severity.MEDIUM, **changes: Any) -> Flag:
    finding = Finding("", "words", Stage.OUTPUT, Action.FLAG, severity, ((4, 10),))
    fields = {
        "generation_id": uuid4(), "user": None, "question": "What is it?", "answer": answer, "sources": [],
        "model_version": "small", "policy_version": "company@1", "findings": [finding], **changes,
    }  # fmt: skip
    return Flag.objects.get(exchange=record_exchange(**fields))


def text(response: Any) -> str:
    return str(response.content.decode())


def test_claim_next_opens_the_most_urgent_and_keeps_the_filter(client_of: ClientOf) -> None:
    make_flag(severity=Severity.LOW)
    flag, client = make_flag(severity=Severity.HIGH), client_of("mona")
    answer = client.post("/console/flags/next/", {"severity": "high"})
    assert answer["Location"] == f"/console/flags/{flag.id}/?severity=high"
    page = text(client.get(answer["Location"]))
    assert 'data-status="mine"' in page
    assert '<input type="hidden" name="severity" value="high">' in page
    nothing = client.post("/console/flags/next/", {"severity": "high"}, follow=True)
    assert "No flag is free for you." in text(nothing)
    assert client.post("/console/flags/next/", {"severity": "worst"}).status_code == 400


@pytest.mark.parametrize("name", ["check", "policy", "severity", "source", "stage", "status", "cursor"])
def test_a_filter_that_no_name_can_be_is_refused(client_of: ClientOf, name: str) -> None:
    make_flag()
    assert client_of("mona").get("/console/flags/", {name: "a\0b"}).status_code == 400


@pytest.mark.parametrize("alike", ["", "1"])
def test_a_decision_that_is_refused_loses_nothing_that_was_typed(client_of: ClientOf, alice: User, alike: str) -> None:
    flag, client = make_flag(user=alice), client_of("mona")
    make_flag()
    client.post(f"/console/flags/{flag.id}/claim/", headers=HTMX)
    form = {"decision": "dismiss", "reason_code": "confidential", "note": "It is <new>.", "alike": alike}
    refused = client.post(f"/console/flags/{flag.id}/decide/", {**form, "effects": "notify"}, headers=HTMX)
    page = text(refused)
    assert refused.status_code == 400
    assert "reason_code must be one of" in page
    assert 'value="It is &lt;new&gt;."' in page
    assert '<option value="confidential" selected>' in page
    assert 'value="notify" checked' in page
    assert ('data-testid="flag-alike" checked' in page) == bool(alike)
    assert not FlagDecision.objects.exists()


def test_look_alikes_are_decided_together_and_undone_together(client_of: ClientOf) -> None:
    flags, client = [make_flag(f"the secret plan {number}") for number in range(3)], client_of("mona")
    other = make_flag("the secret of it")
    opened = text(client.post(f"/console/flags/{flags[0].id}/claim/", headers=HTMX))
    assert "Decide 2 look-alikes the same way" in opened
    form = {"decision": "dismiss", "alike": "1", "reason_code": "public"}
    before = {**HTMX, "HX-Current-URL": "http://testserver/console/flags/?severity=medium&next=//evil.example"}
    answer = client.post(f"/console/flags/{flags[0].id}/decide/", form, headers=before)
    assert answer["HX-Redirect"] == "/console/flags/?severity=medium"
    assert set(FlagDecision.objects.values_list("flag_id", "reason_code")) == {(flag.id, "public") for flag in flags}
    assert AuditEvent.objects.filter(action="moderation.flag_decided").count() == 3
    page = text(client.get("/console/flags/"))
    assert "3 flags decided." in page
    assert page.count('data-testid="flag-row"') == 1
    assert str(other.id) in page
    client.post("/console/flags/undo/", {"flag": [flag.id for flag in flags]})
    assert set(Flag.objects.exclude(id=other.id).values_list("status", flat=True)) == {"claimed"}
    assert 'data-key="u"' not in text(client.get("/console/flags/"))


def test_chosen_flags_are_decided_together_without_those_that_others_hold(client_of: ClientOf, ada: User) -> None:
    flags, client = [make_flag(f"the secret {word}") for word in ("plan", "file", "song")], client_of("mona")
    claim_flag(user=ada, flag_id=flags[2].id)
    answer = client.post("/console/flags/decide/", {"flag": [flag.id for flag in flags], "decision": "uphold"})
    assert answer["Location"] == "/console/flags/?"
    assert "2 flags decided. 1 are not free." in text(client.get("/console/flags/"))
    assert list(Flag.objects.filter(status="upheld").order_by("created_at")) == flags[:2]
    nothing = client.post("/console/flags/decide/", {"flag": flags[2].id, "decision": "uphold"}, follow=True)
    assert "None of these flags is free for you." in text(nothing)


def test_of_many_none_is_decided_when_the_form_is_wrong(client_of: ClientOf) -> None:
    flags, client = [make_flag() for _ in range(2)], client_of("mona")
    form = {"flag": [flag.id for flag in flags], "decision": "dismiss", "reason_code": "personal_data"}
    assert "reason_code must be one of" in text(client.post("/console/flags/decide/", form, follow=True))
    assert set(Flag.objects.values_list("status", flat=True)) == {"open"}
    for ids in ([], ["x"], ["\0"], [str(uuid4())] * 3):
        many = client.post("/console/flags/decide/", {"flag": ids, "decision": "dismiss"})
        assert many.status_code in {302, 400}
    assert client.post("/console/flags/undo/", {"flag": "x"}).status_code == 400
    assert client.post("/console/flags/undo/", {"flag": uuid4()}).status_code == 404
    assert not FlagDecision.objects.exists()


def test_one_decision_offers_its_undo_on_every_page_for_ten_minutes(client_of: ClientOf) -> None:
    flag, client = make_flag(), client_of("mona")
    client.post(f"/console/flags/{flag.id}/claim/")
    decided = text(client.post(f"/console/flags/{flag.id}/decide/", {"decision": "uphold"}, headers=HTMX))
    assert 'hx-swap-oob="true"' in decided
    for path in ("/console/flags/", f"/console/flags/{flag.id}/"):
        assert 'data-key="u"' in text(client.get(path))
    FlagDecision.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    refused = client.post("/console/flags/undo/", {"flag": flag.id}, follow=True)
    assert "Only your own last decision can be undone" in text(refused)
    assert 'data-key="u"' not in text(client.get("/console/flags/"))


def test_the_heartbeat_renews_a_claim_and_tells_when_it_is_lost(client_of: ClientOf, ada: User) -> None:
    flag, client = make_flag(), client_of("mona")
    url = f"/console/flags/{flag.id}/renew/"
    client.post(f"/console/flags/{flag.id}/claim/")
    Flag.objects.update(claimed_until=timezone.now() + timedelta(minutes=1))
    assert "Yours until" in text(client.post(url, headers=HTMX))
    assert Flag.objects.get().claimed_until > timezone.now() + timedelta(minutes=14)
    Flag.objects.update(claimed_until=timezone.now())
    claim_flag(user=ada, flag_id=flag.id)
    lost = client.post(url, headers=HTMX)
    assert lost.status_code == 200
    assert "ada is reviewing this flag now." in text(lost)
    assert "hx-post" not in text(lost)


def test_personal_data_is_masked_until_somebody_says_why(client_of: ClientOf) -> None:
    bob = make_person("bob")
    flag = make_flag(question="Mail to ann@example.com", answer="the secret: 4111 1111 1111 1111", user=bob)
    Exchange.objects.update(personal={"question": [[0, 4, "PERSON"]]})
    client = client_of("mona")
    url = f"/console/flags/{flag.id}/"
    for page in (text(client.get("/console/flags/")), text(client.get(url)), text(client.get(url, headers=HTMX))):
        assert "ann@example.com" not in page
        assert "1111" not in page
        assert "[CARD]" in page
    assert "[PERSON] to [EMAIL]" in text(client.get(url)).replace('<span class="masked">', "").replace("</span>", "")
    assert client.post(f"{url}unmask/", {"reason": " "}).status_code == 400
    shown = text(client.post(f"{url}unmask/", {"reason": "The customer calls."}, headers=HTMX))
    assert "Mail to ann@example.com" in shown
    assert "4111 1111 1111 1111" in shown
    assert AuditEvent.objects.get(action="moderation.unmasked").reason == "The customer calls."
    assert "ann@example.com" not in text(client.get(url))


def test_who_may_not_unmask_is_refused_and_not_offered_it(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    from chatapp.accounts.permissions import CATALOGUE, Grant

    monkeypatch.setitem(CATALOGUE, "moderation.unmask", Grant("moderation.unmask", "", frozenset()))
    flag, client = make_flag("the secret of ann@example.com"), client_of("mona")
    assert "unmask" not in text(client.get(f"/console/flags/{flag.id}/"))
    answer = client.post(f"/console/flags/{flag.id}/unmask/", {"reason": "Please."})
    assert answer.status_code == 403
    assert "ann@example.com" not in text(answer)


def test_a_flag_shows_all_that_a_decision_rests_on(client_of: ClientOf, alice: User) -> None:
    flag = make_flag(severity=Severity.HIGH, user=alice)
    mona, ada = client_of("mona"), client_of("ada")
    for name, decision in (("mona", "uphold"), ("ada", "dismiss")):
        client = {"mona": mona, "ada": ada}[name]
        client.post(f"/console/flags/{flag.id}/claim/")
        client.post(f"/console/flags/{flag.id}/decide/", {"decision": decision, "note": f"So says {name}."})
    page = text(mona.get(f"/console/flags/{flag.id}/"))
    for words in ("uphold by mona", "So says mona.", "dismiss by ada", "What the checks said", "words, Output: flag"):
        assert words in page
    report = raise_flag(
        exchange=flag.exchange, source=FlagSource.REPORT, severity="low", reporter=alice,
        report_reason="wrong", report_text="Write to bob@example.com",
    )  # fmt: skip
    page = text(mona.get(f"/console/flags/{report.id}/"))
    assert "Reported by alice" in page
    assert "bob@example.com" not in page


def test_a_source_is_linked_for_who_may_read_it(client_of: ClientOf, ada: User) -> None:
    group = Group.objects.create(name="review")
    handbook = create_collection(user=ada, slug="handbook", name="Handbook", groups={"review": "owner"})
    document = upload_document(user=ada, collection=handbook, name="plan.md", data=b"x", media_type="text/markdown")
    source = {"n": 1, "document": "plan.md", "page": None, "document_id": str(document.id)}
    flag = make_flag(sources=[source, {**source, "n": 2, "document_id": None}])
    link = f'href="/knowledge/documents/{document.id}/"'
    assert link not in text(client_of("mona").get(f"/console/flags/{flag.id}/"))
    User.objects.get(username="mona").groups.add(group)
    assert text(client_of("mona").get(f"/console/flags/{flag.id}/")).count(link) == 1


@pytest.mark.parametrize("name,status", [("mallory", 404), ("alice", 404), ("oscar", 403)])
def test_strangers_reach_no_step_of_review(client_of: ClientOf, name: str, status: int) -> None:
    flag, client = make_flag(), client_of(name)
    steps = ["next", "decide", "undo", *(f"{flag.id}/{step}" for step in ("claim", "renew", "decide", "unmask"))]
    for step in steps:
        answer = client.post(f"/console/flags/{step}/", {"flag": flag.id, "decision": "uphold", "reason": "x"})
        assert answer.status_code == status, step
        assert Client().post(f"/console/flags/{step}/").status_code == 302
    flag.refresh_from_db()
    assert flag.status == "open"


def test_the_queue_costs_the_same_however_long_it_is(
    client_of: ClientOf, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_of("mona")
    for count in (1, 25):
        for number in range(count):
            make_flag(f"the secret {number} of {'abcdefghijklmnopqrstuvwxyz'[number]}")
        with django_assert_max_num_queries(12):
            assert client.get("/console/flags/").status_code == 200


def test_the_clock_is_told_in_words() -> None:
    now = timezone.now()
    for hours, words in (
        (2.1, "due in 2 h"),
        (-3.1, "overdue by 3 h"),
        (-25, "overdue by 1 day"),
        (49, "due in 2 days"),
    ):
        assert due(now + timedelta(hours=hours)) == words
    assert due(now) == "due now"
