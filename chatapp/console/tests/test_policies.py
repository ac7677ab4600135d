"""Pages of policies and replays: what they show, refuse and keep from whom."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import AuditEvent, User
from chatapp.console.tests.test_pages import HTMX, PAYLOAD, ClientOf
from chatapp.errors import ChatappError
from chatapp.moderation import client
from chatapp.moderation.models import Action, FlagStatus, PolicyVersion, Replay
from chatapp.moderation.policy import active_policies
from chatapp.moderation.services import change_policy_state, record_exchange
from chatapp.moderation.tasks import try_policy
from chatapp.moderation.tests.replaying import (
    PATTERN,
    SCORED,
    decide,
    finding,
    finish,
    keep,
    make_policy,
    scored_kind,
    start,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with scored_kind():
        yield


def editor(**fields: str) -> dict[str, str]:
    return {"act": "save", "name": "company", "checks": json.dumps([PATTERN]), "reason": "", "sample": "", **fields}


def test_a_version_goes_from_state_to_state_with_reasons(client_of: ClientOf, ada: User) -> None:
    policy = make_policy(PATTERN)
    page, state = f"/console/policies/{policy.pk}/", f"/console/policies/{policy.pk}/state/"
    mona, ada_client = client_of("mona"), client_of("ada")
    assert state not in mona.get(page).content.decode()
    assert mona.post(state, {"state": "active", "reason": "Mine."}).status_code == 403
    refused = ada_client.post(state, {"state": "active", "reason": " "}, headers=HTMX)
    assert refused.status_code == 400
    assert "give a reason of 1 to 1000 characters" in refused.content.decode()
    moved = ada_client.post(state, {"state": "active", "reason": "It is <b>time</b>."}, headers=HTMX)
    assert moved["HX-Redirect"] == page
    assert active_policies().version == "company@1"
    shown = ada_client.get(page).content.decode()
    assert "company@1 applies to new messages and answers now." in shown
    assert "It is &lt;b&gt;time&lt;/b&gt;." in shown
    assert "BLOCKME" in shown
    again = ada_client.post(state, {"state": "shadow", "reason": "Back."}, headers=HTMX)
    assert (again.status_code, "cannot be shadow next" in again.content.decode()) == (409, True)
    assert 'value="Back."' in again.content.decode()


def test_rolling_back_is_one_click_and_a_reason(client_of: ClientOf, ada: User) -> None:
    first, second = make_policy(PATTERN, activate=True), make_policy(SCORED, activate=True)
    page = client_of("ada").get(f"/console/policies/{second.pk}/").content.decode()
    assert "Roll back to company@1" in page
    response = client_of("ada").post(f"/console/policies/{second.pk}/back/", {"reason": "It blocks too much."})
    assert response["Location"] == f"/console/policies/{first.pk}/"
    assert active_policies().version == "company@1"
    stale = client_of("ada").post(f"/console/policies/{second.pk}/back/", {"reason": "Again."}, headers=HTMX)
    assert (stale.status_code, active_policies().version) == (409, "company@1")
    last = AuditEvent.objects.filter(action="moderation.policy_activated").latest("at")
    assert (last.reason, last.detail["replaces"]) == ("It blocks too much.", "company@2")


@pytest.mark.parametrize(
    "checks,words",
    [
        ("[{]", "Line 1, column 3 is no JSON"),
        ("{}", "Checks must be a list with at least one check."),
        ("[]", "Checks must be a list with at least one check."),
        ("[1]", "Checks[0]: a check must be an object."),
        (json.dumps([PATTERN, {**PATTERN, "action": "stop"}]), "Checks[1]: action must be one of"),
        (json.dumps([{**PATTERN, "patterns": ["(a"]}]), "Checks[0]: patterns[0]"),
        ('[{"kind": "pattern", "threshold": NaN}]', "This is no JSON that can be stored."),
        ("[" * 100_000, "no JSON"),
        (json.dumps([{**PATTERN, "name": PAYLOAD * 3}]), "Checks[0]: name must be a text"),
    ],
)
def test_the_editor_says_what_is_wrong_and_keeps_what_was_typed(client_of: ClientOf, checks: str, words: str) -> None:
    form = editor(checks=checks, reason="Because <i>x</i>", sample="try me")
    response = client_of("ada").post("/console/policies/new/", form, headers=HTMX)
    page = response.content.decode()
    assert response.status_code == 400
    assert words in page
    assert "Because &lt;i&gt;x&lt;/i&gt;" in page
    assert "try me" in page
    assert "<script>alert" not in page
    assert not PolicyVersion.objects.exists()


def test_a_new_version_is_saved_as_a_draft(client_of: ClientOf) -> None:
    base = make_policy(PATTERN, activate=True)
    address = f"/console/policies/new/?from={base.pk}"
    shown = client_of("ada").get(address).content.decode()
    assert "BLOCKME" in shown
    changed = json.dumps([{**PATTERN, "action": "flag"}])
    response = client_of("ada").post(address, editor(name="other", checks=changed, reason="Milder."))
    made = PolicyVersion.objects.get(number=2)
    assert response["Location"] == f"/console/policies/{made.pk}/"
    assert (str(made), made.state, made.changes.get().reason) == ("company@2", "draft", "Milder.")
    diff = client_of("mona").get(f"/console/policies/{made.pk}/diff/{base.pk}/").content.decode()
    assert "<del>block</del>" in diff
    assert "<ins>flag</ins>" in diff
    chosen = client_of("mona").get(f"/console/policies/{made.pk}/diff/", {"other": str(base.pk)})
    assert chosen["Location"] == f"/console/policies/{made.pk}/diff/{base.pk}/"


def test_a_text_is_tried_without_being_kept(client_of: ClientOf) -> None:
    form = editor(act="try", sample="say BLOCKME <b>now</b>")
    page = client_of("ada").post("/console/policies/new/", form, headers=HTMX).content.decode()
    assert "Would block" in page
    assert "say <mark>BLOCKME</mark> &lt;b&gt;now&lt;/b&gt;" in page
    assert not PolicyVersion.objects.exists()
    empty = client_of("ada").post("/console/policies/new/", editor(act="try"), headers=HTMX)
    assert (empty.status_code, "Give a text of 1 to 10,000 characters" in empty.content.decode()) == (400, True)


def test_checks_that_need_a_worker_are_tried_there(client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    form = editor(act="try", sample="BLOCKME score=0.7", checks=json.dumps([PATTERN, SCORED]))

    def away(*_: object, **__: object) -> object:
        raise ChatappError("try_unavailable")

    monkeypatch.setattr(client, "wait_for", away)
    page = client_of("ada").post("/console/policies/new/", form, headers=HTMX).content.decode()
    assert "No worker could look at the text now" in page
    assert ("Would block" in page, "Did not look" in page) == (True, True)
    monkeypatch.setattr(client, "wait_for", lambda send, **_: send())
    monkeypatch.setattr(try_policy, "delay", try_policy)
    page = client_of("ada").post("/console/policies/new/", form, headers=HTMX).content.decode()
    assert ("Would flag" in page, "score 0.700" in page) == (True, True)


def test_the_shadow_version_is_compared_with_the_active_one(client_of: ClientOf, ada: User) -> None:
    active = make_policy(SCORED, activate=True)
    shadow = make_policy({**SCORED, "threshold": 0.3})
    change_policy_state(user=ada, policy_id=shadow.pk, state="shadow", reason="Try it.")
    for texts in (["shadow"], ["active"], ["active", "shadow"]):
        findings = [
            finding(shadow if one == "shadow" else active, Action.FLAG, is_shadow=one == "shadow") for one in texts
        ]
        record_exchange(
            generation_id=uuid4(), user=None, question="What?", answer=f"mood of {texts}", sources=[],
            model_version="small", policy_version="company@1", findings=findings,
        )  # fmt: skip
    page = client_of("mona").get(f"/console/policies/{shadow.pk}/").content.decode()
    assert '<dd data-testid="shadow-only">1</dd>' in page
    assert '<dd data-testid="active-only">1</dd>' in page
    assert page.count('data-testid="sample"') == 2
    assert AuditEvent.objects.filter(action="moderation.samples_shown").count() == 1
    auditor = client_of("otto")
    make_auditor()
    page = auditor.get(f"/console/policies/{shadow.pk}/").content.decode()
    assert 'data-testid="shadow-only"' in page
    assert 'data-testid="sample"' not in page


def make_auditor() -> None:
    User.objects.filter(username="otto").update(roles=["auditor"], own_roles=["auditor"])


def test_a_replay_is_started_shown_and_gone_on_with(client_of: ClientOf, ada: User) -> None:
    keep("call 4111 1111 1111 1111 BLOCKME or jane@example.org")
    draft = make_policy(PATTERN)
    address = f"/console/policies/{draft.pk}/replay/"
    assert client_of("mona").post(address, {"days": "7"}).status_code == 403
    response = client_of("ada").post(address, {"days": "7"})
    replay = Replay.objects.get()
    page = f"/console/policies/replays/{replay.pk}/"
    assert response["Location"] == page
    live = client_of("mona").get(page).content.decode()
    assert "data-poll" in live
    assert f"{page}cancel/" not in live
    assert client_of("mona").post(f"{page}cancel/").status_code == 403
    assert client_of("ada").post(f"{page}cancel/")["Location"] == page
    assert "It was cancelled." in client_of("ada").get(page).content.decode()
    client_of("ada").post(f"{page}resume/")
    finish(replay)
    shown = client_of("mona").get(page).content.decode()
    assert "data-poll" not in shown
    assert "<mark>BLOCKME</mark>" in shown
    assert ("4111" in shown, "jane@example.org" in shown) == (False, False)
    read = AuditEvent.objects.get(action="moderation.samples_shown")
    assert read.detail["exchanges"] == [replay.figures["samples"]["newly"][0][0]]
    for days in ("", "0", "1000000000000000000000", "\u00b2"):
        assert client_of("ada").post(address, {"days": days}).status_code == 400
    assert Replay.objects.count() == 1


def test_the_curve_chooses_a_threshold_for_a_draft(client_of: ClientOf, ada: User) -> None:
    active = make_policy(SCORED, activate=True)
    for number in range(24):
        decide(
            keep(f"score={0.9 - number / 40:.3f}", policy=active),
            FlagStatus.UPHELD if number < 16 else FlagStatus.DISMISSED,
        )
    replay = finish(start(ada, active))
    page = f"/console/policies/replays/{replay.pk}/"
    shown = client_of("ada").get(page).content.decode()
    assert "<polyline" in shown
    chosen = client_of("ada").get(page, {"check": "0", "threshold": "0.7"}).content.decode()
    assert "With the threshold 0.7 it would find 9 texts of this period, with precision 1.00 and recall 0.56." in chosen
    made = client_of("ada").post(f"{page}draft/", {"check": "0", "threshold": "0.7"})
    draft = PolicyVersion.objects.get(number=2)
    assert made["Location"] == f"/console/policies/{draft.pk}/"
    assert draft.checks[0]["threshold"] == 0.7
    for check, threshold in (("", "0.7"), ("0", "much"), ("9", "0.7"), ("0", "7"), ("0", "nan"), ("-1", "0.7")):
        assert client_of("ada").post(f"{page}draft/", {"check": check, "threshold": threshold}).status_code == 400
    assert client_of("mona").post(f"{page}draft/", {"check": "0", "threshold": "0.7"}).status_code == 403


def test_with_few_decisions_there_is_no_curve(client_of: ClientOf, ada: User) -> None:
    active = make_policy(SCORED, activate=True)
    decide(keep("score=0.9", policy=active), FlagStatus.UPHELD)
    replay = finish(start(ada, active))
    page = client_of("ada").get(f"/console/policies/replays/{replay.pk}/").content.decode()
    assert "Too few decisions" in page
    assert "<polyline" not in page


def test_strangers_find_none_of_it(client_of: ClientOf, ada: User) -> None:
    keep("BLOCKME")
    policy, other = make_policy(PATTERN), make_policy(SCORED)
    replay = finish(start(ada, policy))
    gets = [f"{policy.pk}/", f"{policy.pk}/diff/{other.pk}/", f"replays/{replay.pk}/", "new/"]
    posts = [f"{policy.pk}/state/", f"{policy.pk}/back/", f"{policy.pk}/replay/", "new/"]
    posts += [f"replays/{replay.pk}/{act}/" for act in ("cancel", "resume", "draft")]
    for name in ("alice", "mallory"):
        for path in gets:
            assert client_of(name).get(f"/console/policies/{path}").status_code == 404, path
        for path in posts:
            assert client_of(name).post(f"/console/policies/{path}").status_code == 404, path
    assert client_of("mona").get("/console/policies/new/").status_code == 403
    for path in (f"{uuid4()}/", f"replays/{uuid4()}/", f"{policy.pk}/diff/{uuid4()}/"):
        assert client_of("ada").get(f"/console/policies/{path}").status_code == 404, path
    assert client_of("ada").get(f"/console/policies/{policy.pk}/diff/?other=x").status_code == 400
    for given in ("x", str(uuid4())):
        assert client_of("ada").get("/console/policies/new/", {"from": given}).status_code == 404


def test_pages_ask_as_often_however_much_they_show(
    client_of: ClientOf, ada: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    policy = make_policy(PATTERN, activate=True)
    for _ in range(2):
        keep("BLOCKME", policy=policy)
    replay = finish(start(ada, policy))
    paths = ["", f"{policy.pk}/", f"replays/{replay.pk}/"]
    client = client_of("mona")
    for path in paths:
        client.get(f"/console/policies/{path}")
    counts = [count_queries(client, path) for path in paths]
    for number in range(12):
        make_policy(PATTERN, SCORED, name=f"more-{number}" if number % 2 else "company")
        keep("BLOCKME", policy=policy, user=ada)
    Replay.objects.all().delete()
    replay = finish(start(ada, policy))
    finish(start(ada, policy))
    paths[2] = f"replays/{replay.pk}/"
    for path, count in zip(paths, counts, strict=True):
        with django_assert_num_queries(count):
            client.get(f"/console/policies/{path}")


def count_queries(client: Any, path: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as caught:
        assert client.get(f"/console/policies/{path}").status_code == 200
    return len(caught)
