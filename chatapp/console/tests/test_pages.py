import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import AuditEvent, User
from chatapp.accounts.pages import CONSOLE_PAGES
from chatapp.inference.models import Worker
from chatapp.inference.selectors import serving_version
from chatapp.inference.services import record_outcome, register_version, set_serving_version
from chatapp.moderation.checks import Finding
from chatapp.moderation.models import Action, Flag, Severity, Stage
from chatapp.moderation.policy import active_policies
from chatapp.moderation.services import claim_flag, create_policy_version, record_exchange
from tests.people import make_person

pytestmark = pytest.mark.django_db

PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(1)>"
HTMX = {"HX-Request": "true"}
ClientOf = Callable[[str], Client]


def make_flag(**changes: Any) -> Flag:
    stage = changes.pop("stage", Stage.OUTPUT)
    severity = changes.pop("severity", Severity.MEDIUM)
    finding = Finding("", "words", stage, Action.BLOCK, severity, ((4, 10),))
    fields = {
        "generation_id": uuid4(),
        "user": None,
        "question": "What is it?",
        "answer": "This answer was withheld.",
        "original": "the secret plan",
        "sources": [{"n": 1, "document": "plan.md", "page": 2}],
        "model_version": "small",
        "policy_version": "company@1",
        "findings": [finding],
        **changes,
    }
    return Flag.objects.get(exchange=record_exchange(**fields))


def register(name: str) -> Any:
    return register_version(user=None, name=name, provider="scripted", context_tokens=4096, licence="MIT")


MENUS = [("mona", "/console/flags/"), ("ada", "/console/flags/")]
PATHS = ["/console/", "/console/models/", "/console/workers/", "/console/flags/", "/console/policies/"]


@pytest.mark.parametrize("name", ["alice", "mallory"])
@pytest.mark.parametrize("path", PATHS)
def test_for_employees_the_console_does_not_exist(client_of: ClientOf, name: str, path: str) -> None:
    assert client_of(name).get(path).status_code == 404


@pytest.mark.parametrize("name", ["alice", "mallory"])
def test_what_an_employee_posts_changes_nothing_and_answers_as_if_it_never_existed(
    client_of: ClientOf, name: str
) -> None:
    flag, version = make_flag(), register("small")
    policy = create_policy_version(user=None, name="company", checks=[BLOCK], activate=True)
    client = client_of(name)
    for path, missing in [
        (f"/console/flags/{flag.id}/claim/", f"/console/flags/{uuid4()}/claim/"),
        (f"/console/flags/{flag.id}/decide/", f"/console/flags/{uuid4()}/decide/"),
        (f"/console/models/{version.id}/serve/", f"/console/models/{uuid4()}/serve/"),
        (f"/console/policies/{policy.id}/state/", f"/console/policies/{uuid4()}/state/"),
    ]:
        answers = [
            client.post(one, {"decision": "uphold", "state": "retired"}, headers=HTMX) for one in (path, missing)
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
    assert client.get(f"/console/flags/{flag.id}/").status_code == 404
    flag.refresh_from_db()
    assert (flag.status, serving_version(), active_policies().version) == ("open", None, "company@1")


BLOCK = {"kind": "pattern", "stage": "output", "action": "block", "patterns": ["BLOCKME"], "words": ["moonshot"]}


@pytest.mark.parametrize(
    "name,allowed",
    [("mona", {"/console/flags/", "/console/policies/"}), ("oscar", {"/console/models/", "/console/workers/"})],
)
def test_each_role_has_its_pages_and_is_told_of_the_others(client_of: ClientOf, name: str, allowed: set[str]) -> None:
    client = client_of(name)
    for path in PATHS[1:]:
        assert client.get(path).status_code == (200 if path in allowed else 403)
    flag, version = make_flag(), register("small")
    if name == "oscar":
        assert client.post(f"/console/flags/{flag.id}/claim/").status_code == 403
    else:
        assert client.post(f"/console/models/{version.id}/serve/").status_code == 403


@pytest.mark.parametrize("name", ["oscar", "mona", "ada"])
def test_the_console_opens_with_the_overview_for_whoever_has_a_page(client_of: ClientOf, name: str) -> None:
    assert "<h1>Overview</h1>" in client_of(name).get("/console/").content.decode()


def test_menus_show_few_pages_as_they_are_and_many_in_groups(client_of: ClientOf) -> None:
    few, many = (client_of(name).get(path).content.decode() for name, path in MENUS)
    assert "nav-group" not in few
    for page in (few, many):
        assert re.findall(r'<a href="[^"]+" aria-current="page">([^<]+)</a>', page) == ["Flags"]
    assert re.findall(r'<a href="[^"]+" aria-current="true">([^<]+)</a>', many) == ["Review"]
    assert re.findall(r'<details class="nav-group" open>\s*<summary>([^<]+)</summary>', many) == ["Review"]
    chat = client_of("ada").get("/").content.decode()
    assert re.findall(r'data-testid="(nav-console[^"]*)"', chat) == ["nav-console"]


def test_every_page_of_a_menu_has_its_icon(client_of: ClientOf) -> None:
    page = client_of("ada").get("/console/").content.decode()
    used = set(re.findall(r'<use href="#(icon-nav-[^"]+)"', page))
    assert len(used) > len(CONSOLE_PAGES)
    assert used <= set(re.findall(r'<symbol id="([^"]+)"', page))


def test_posts_need_a_csrf_token(client_of: ClientOf) -> None:
    version = register("small")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_person("oscar"), backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post(f"/console/models/{version.id}/serve/", headers=HTMX).status_code == 403
    assert serving_version() is None


def test_one_click_serves_another_version(client_of: ClientOf) -> None:
    first, second = register("large"), register("small")
    set_serving_version(user=None, version=first)
    record_outcome(
        generation_id=uuid4(), user_id=None, version_id=first.id, status="complete", prompt_tokens=1,
        completion_tokens=1, first_token_seconds=None, duration_seconds=None, sources=0, cited=0, flags=0,
    )  # fmt: skip
    worker = Worker.objects.create(
        name="inference@gpu-1:7", kind="inference", started_at=timezone.now(), seen_at=timezone.now(), ready=True
    )
    worker.loaded.set([first])
    client = client_of("oscar")
    page = client.get("/console/models/").content.decode()
    assert [row[0] for row in version_rows(page)] == ["large", "small"]
    assert version_rows(page)[0][1] == "true"
    assert "inference@gpu-1:7" in page
    assert "running answers finish on the version that they started with" in page.lower()
    answer = client.post(f"/console/models/{second.id}/serve/", headers=HTMX)
    assert version_rows(answer.content.decode()) == [("small", "true"), ("large", "false")]
    assert "small now answers new questions" in answer.content.decode()
    assert serving_version() == second
    assert client.post(f"/console/models/{first.id}/serve/")["Location"] == "/console/models/"
    filtered = {**HTMX, "HX-Current-URL": "http://testserver/console/models/?text=lar&state="}
    page = client.post(f"/console/models/{first.id}/serve/", headers=filtered).content.decode()
    assert version_rows(page) == [("large", "true")]
    assert client.post(f"/console/models/{uuid4()}/serve/", headers=HTMX).status_code == 404
    assert client.get(f"/console/models/{first.id}/serve/").status_code == 405


def version_rows(page: str) -> list[tuple[str, str]]:
    return re.findall(r'data-testid="version-row" data-version="([^"]+)" data-serves="([^"]+)"', page)


def test_lists_take_the_same_number_of_queries_however_long_they_are(
    client_of: ClientOf, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        register(f"v{number}")
        make_flag()
        create_policy_version(user=None, name="company", checks=[BLOCK], activate=True)
    client = client_of("ada")
    for path in ("/console/models/", "/console/flags/", "/console/policies/"):
        with django_assert_max_num_queries(10):
            assert client.get(path).status_code == 200


def test_the_queue_is_most_urgent_first_filtered_and_paged(client_of: ClientOf) -> None:
    flags = [make_flag(severity=Severity.LOW if number % 2 else Severity.HIGH) for number in range(35)]
    urgent = [str(flag.id) for flag in sorted(flags, key=lambda flag: (flag.severity, flag.due_at))]
    client = client_of("mona")
    first = client.get("/console/flags/").content.decode()
    assert shown(first) == urgent[:30]
    more = re.search(r'href="([^"]*cursor=[^"]*)"', first)
    assert more
    rest = client.get("/console/flags/" + more[1].replace("&amp;", "&"), headers=HTMX).content.decode()
    assert shown(rest) == urgent[30:]
    assert "<html" not in rest
    low = client.get("/console/flags/", {"severity": "low"}).content.decode()
    assert shown(low) == [str(flag.id) for flag in flags if flag.severity == "low"]
    assert shown(client.get("/console/flags/", {"status": "decided"}).content.decode()) == []
    claim_flag(user=User.objects.get(username="mona"), flag_id=flags[3].id)
    assert shown(client.get("/console/flags/", {"status": "mine"}).content.decode()) == [str(flags[3].id)]


def shown(page: str) -> list[str]:
    return re.findall(r'id="flag-([0-9a-f-]{36})" data-testid="flag-row"', page)


@pytest.mark.parametrize(
    "query",
    [
        {"status": "all"},
        {"severity": "worst"},
        {"source": "x"},
        {"stage": "x"},
        {"cursor": "x"},
        {"cursor": "x" * 5000},
        {"cursor": "\0"},
    ],
)
def test_a_made_up_filter_is_refused(client_of: ClientOf, query: dict[str, str]) -> None:
    assert client_of("mona").get("/console/flags/", query).status_code == 400


def test_a_reviewer_claims_reads_and_decides(client_of: ClientOf) -> None:
    flag, client = make_flag(), client_of("mona")
    opened = client.post(f"/console/flags/{flag.id}/claim/", headers=HTMX).content.decode()
    assert 'data-status="mine"' in opened
    assert "the <mark>secret</mark> plan" in opened
    for text in ("What is it?", "This answer was withheld.", "plan.md, page 2", "Model small, policy company@1"):
        assert text in opened
    assert AuditEvent.objects.filter(action="moderation.original_read", object_id=flag.id).count() == 1
    url = f"/console/flags/{flag.id}/decide/"
    decided = client.post(url, {"decision": "dismiss", "reason_code": "public", "note": "See the site."}, headers=HTMX)
    assert 'data-status="dismissed"' in decided.content.decode()
    flag.refresh_from_db()
    assert (flag.status, flag.reason) == ("dismissed", "Public information. See the site.")
    again = client.post(url, {"decision": "uphold"}, headers=HTMX)
    assert again.status_code == 409
    assert "This flag has been decided already." in again.content.decode()


def test_a_decision_without_own_words_gets_the_plain_reason(client_of: ClientOf) -> None:
    flag, client = make_flag(), client_of("mona")
    client.post(f"/console/flags/{flag.id}/claim/")
    assert client.post(f"/console/flags/{flag.id}/decide/", {"decision": "uphold"}).status_code == 302
    flag.refresh_from_db()
    assert (flag.status, flag.reason) == ("upheld", "Breaks the rule.")


@pytest.mark.parametrize("form", [{}, {"decision": "delete"}, {"decision": "uphold", "note": "x" * 1001}])
def test_a_malformed_decision_is_refused_in_its_place(client_of: ClientOf, form: dict[str, str]) -> None:
    flag, client = make_flag(), client_of("mona")
    client.post(f"/console/flags/{flag.id}/claim/")
    answer = client.post(f"/console/flags/{flag.id}/decide/", form, headers=HTMX)
    assert answer.status_code == 400
    assert 'data-status="mine"' in answer.content.decode()
    assert "field-error" in answer.content.decode()


def test_a_flag_that_another_reviewer_holds_says_who(client_of: ClientOf, ada: User) -> None:
    flag = make_flag()
    claim_flag(user=ada, flag_id=flag.id)
    answer = client_of("mona").post(f"/console/flags/{flag.id}/claim/", headers=HTMX)
    assert answer.status_code == 409
    assert "ada is reviewing this flag now." in answer.content.decode()
    assert "Claimed by ada" in answer.content.decode()
    assert not AuditEvent.objects.filter(action="moderation.original_read", actor__username="mona")


def test_markup_in_flagged_text_is_inert(client_of: ClientOf) -> None:
    user = make_person("bob")
    user.username = "<b>bob</b>"
    user.save()
    flag = make_flag(
        user=user, question=PAYLOAD, answer=PAYLOAD, original="the " + PAYLOAD,
        sources=[{"n": 1, "document": PAYLOAD, "page": None}],
    )  # fmt: skip
    client = client_of("mona")
    create_policy_version(user=None, name="company", checks=[{**BLOCK, "words": [PAYLOAD]}], activate=True)
    pages = [f"/console/flags/{flag.id}/", "/console/flags/", "/console/policies/"]
    for path in pages:
        page = client.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b>bob" not in page
        assert "mark&gt;" not in page


def test_spans_are_found_again_where_the_shown_answer_differs_from_the_checked_one(client_of: ClientOf) -> None:
    flag = make_flag(original="", answer="Well [1]: the secret plan, a secret.")
    Flag.objects.filter(id=flag.id).update(excerpt="the secret plan")
    page = client_of("mona").get(f"/console/flags/{flag.id}/").content.decode()
    assert "Well [1]: the <mark>secret</mark> plan, a <mark>secret</mark>." in page
