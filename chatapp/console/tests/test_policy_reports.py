"""Reports of the content security policy: taken from anybody, in small amounts, without anybody's text."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from chatapp.accounts.models import Role, User
from chatapp.console import services
from chatapp.console.models import PolicyReport
from chatapp.console.reports import MAX_BYTES, Violation
from chatapp.console.views.reports import MAX_PER_MINUTE
from chatapp.privacy.models import Kind
from chatapp.privacy.services.holds import place_hold, release_hold
from chatapp.privacy.services.retention import run_retention, set_rule

URL = "/csp-reports/"
OLD = {
    "csp-report": {
        "document-uri": "https://chat.example/c/7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300/?q=secret",
        "violated-directive": "script-src-elem 'self'",
        "effective-directive": "script-src-elem",
        "blocked-uri": "https://evil.example/x.js?key=secret",
        "source-file": "https://chat.example/static/js/app.js?secret",
        "line-number": 12,
        "script-sample": "secret",
        "original-policy": "default-src 'none'",
    }
}
NEW = [
    {
        "type": "csp-violation",
        "url": "https://chat.example/",
        "body": {
            "documentURL": "https://chat.example/console/workers/",
            "effectiveDirective": "style-src-attr",
            "blockedURL": "inline",
        },
    }
]


@pytest.fixture(autouse=True)
def _fresh_limit() -> None:
    cache.clear()


def send(body: Any, content_type: str = "application/csp-report") -> int:
    data = body if isinstance(body, bytes) else json.dumps(body)
    return Client(enforce_csrf_checks=True).post(URL, data, content_type=content_type).status_code


@pytest.mark.django_db
def test_both_shapes_are_kept_without_queries_ids_and_samples() -> None:
    assert send(OLD) == send(NEW, "application/reports+json") == 204
    kept = list(PolicyReport.objects.order_by("directive").values_list("directive", "blocked", "page", "source"))
    assert kept == [
        ("script-src-elem", "https://evil.example/x.js", "/c/<uuid:conversation_id>/", "https://chat.example/static/js/app.js:12"),
        ("style-src-attr", "inline", "/console/workers/", ""),
    ]  # fmt: skip
    assert "secret" not in str(kept)


@pytest.mark.django_db
def test_the_same_again_is_counted() -> None:
    assert [send(OLD) for _ in range(3)] == [204] * 3
    assert [report.count for report in PolicyReport.objects.all()] == [3]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 10_000,
        [],
        {},
        "text",
        1,
        None,
        {"csp-report": []},
        {"csp-report": {}},
        {"csp-report": {"effective-directive": ["x"]}},
        [{"type": "csp-violation", "body": "x"}],
        [{"type": "deprecation", "body": {"effectiveDirective": "x"}}],
        NEW * 21,
    ],
)
def test_e09_a_malformed_report_is_refused_and_nothing_is_kept(body: Any) -> None:
    assert send(body) == 400
    assert not PolicyReport.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("blocked", ["http://[", "javascript:alert(1)", "\x00\x1b[31m\ud800", "x" * 5000, 7, "data"])
def test_an_odd_address_is_cut_down(blocked: Any) -> None:
    assert send({"csp-report": {"effective-directive": "img-src", "blocked-uri": blocked}}) == 204
    kept = PolicyReport.objects.get().blocked
    assert len(kept) <= 200
    assert kept.isprintable()
    assert "alert" not in kept


@pytest.mark.django_db
def test_a_large_report_and_too_many_are_refused() -> None:
    assert send(b"x" * (MAX_BYTES + 1)) == 413
    assert {send(NEW) for _ in range(MAX_PER_MINUTE - 1)} == {204}
    assert send(NEW) == 429


@pytest.mark.django_db
def test_only_so_many_kinds_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_KINDS", 3)
    services.record_violations([Violation(f"kind{number}", "", "", "") for number in range(5)])
    assert sorted(PolicyReport.objects.values_list("directive", flat=True)) == ["kind0", "kind1", "kind2"]


@pytest.mark.django_db
def test_old_ones_go_by_a_rule_that_can_be_changed(ada: User) -> None:
    for days in (20, 31):
        PolicyReport.objects.create(directive=f"old{days}", last_at=timezone.now() - timedelta(days=days))
    hold = place_hold(user=ada, scope="everyone", name="", reason="inquiry")
    assert run_retention().removed == {}
    release_hold(user=ada, hold_id=hold.id)
    assert run_retention().removed == {"policy_reports": 1}
    set_rule(user=ada, kind=Kind.POLICY_REPORTS, days=None)
    assert run_retention().removed == {}
    set_rule(user=ada, kind=Kind.POLICY_REPORTS, days=10)
    assert run_retention().removed == {"policy_reports": 1}


@pytest.mark.django_db
def test_auditors_and_administrators_read_them(client: Client, ada: User, bob: User, mona: User, alice: User) -> None:
    bob.roles = [Role.AUDITOR.value]
    bob.save(update_fields=["roles"])
    services.record_violations([Violation("script-src", "<script>alert(1)</script>", "/", "")])
    for reader, status in ((ada, 200), (bob, 200), (mona, 403), (alice, 404)):
        client.force_login(reader)
        assert client.get("/console/policy-reports/").status_code == status, reader.username
    client.force_login(ada)
    page = client.get("/console/policy-reports/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    PolicyReport.objects.all().delete()
    assert "Nothing was reported" in client.get("/console/policy-reports/").content.decode()


@pytest.mark.django_db
def test_the_list_costs_the_same_for_many(client: Client, ada: User, django_assert_max_num_queries: Any) -> None:
    client.force_login(ada)
    with django_assert_max_num_queries(100) as few:
        client.get("/console/policy-reports/")
    services.record_violations([Violation(f"kind{number}", "", "", "") for number in range(50)])
    with django_assert_max_num_queries(len(few)):
        assert client.get("/console/policy-reports/").content.decode().count('data-testid="policy-report"') == 50
