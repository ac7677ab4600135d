"""Routes in words, and the form that changes them: with a mouse, by keyboard, with and without a script."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import AuditEvent, User
from chatapp.inference.models import ModelVersion, Route
from chatapp.inference.selectors import load_route
from chatapp.inference.services import RuleSpec, configure_route, set_serving_version, start_rollout
from chatapp.inference.services.route_plans import plan_of

pytestmark = pytest.mark.django_db

ClientOf = Callable[[str], Client]
Typed = dict[str, Any]
HTMX = {"HX-Request": "true"}
PATH, EDIT = "/console/routes/", "/console/routes/edit/"
RULE = {f"rule_{name}": "" for name in ("task", "collection", "language", "choice", "min_characters", "max_characters")}


@pytest.fixture
def large() -> ModelVersion:
    return make_version("large")


@pytest.fixture
def small() -> ModelVersion:
    return make_version("small")


@pytest.fixture
def far() -> ModelVersion:
    return make_version("far", provider="openai_compatible", may_leave_company=True)


def make_version(name: str, **fields: Any) -> ModelVersion:
    return ModelVersion.objects.create(
        name=name, **{"provider": "scripted", "context_tokens": 4096, "state": "evaluated", **fields}
    )


def sentences(page: str) -> list[str]:
    return [re.sub(r"<[^>]+>", "", item) for item in re.findall(r"<li>(.*?)</li>", page)]


def errors(page: str) -> dict[str, str]:
    return dict(re.findall(r'<p class="field-error" id="error-(\w+)">([^<]*)</p>', page))


def post(client: Client, action: str, *, to: str = "default", **fields: Any) -> Any:
    """To the route of that name, else to the form for a new one."""
    query = f"?name={to}" if to else ""
    return client.post(EDIT + query, {"action": action, **fields}, headers=HTMX)


def test_each_route_is_told_in_sentences(client_of: ClientOf, large: ModelVersion, small: ModelVersion) -> None:
    rules = [
        RuleSpec(version=small, task="title"),
        RuleSpec(version=small, collection="handbook", language="de", max_characters=500),
    ]
    configure_route(user=None, name="default", version=large, arms=[(small, 10)], rules=rules, fallbacks=[small])
    page = client_of("oscar").get(PATH).content.decode()
    assert sentences(page) == [
        "Titles go to small.",
        "Everything of at most 500 characters in the language de asked of the collection handbook goes to small.",
        "10 % of users get small; everybody else gets large.",
        "If the version cannot answer, then small; if all fail, the user reads the standard safe answer.",
        "Text stays inside the company.",
    ]


def test_where_text_leaves_is_said(client_of: ClientOf, large: ModelVersion, far: ModelVersion) -> None:
    configure_route(
        user=None, name="default", version=large, fallbacks=[far], may_leave_company=True, safe_answer="No."
    )
    page = client_of("oscar").get(PATH).content.decode()
    assert sentences(page) == [
        "Everybody gets large.",
        "If the version cannot answer, then far; if all fail, the user reads “No.”",
        "Text leaves the company when far answers.",
        "An answer that began inside the company never goes on to far.",
    ]


def test_without_a_route_the_page_says_what_to_do(client_of: ClientOf) -> None:
    assert "Nobody can be answered." in client_of("oscar").get(PATH).content.decode()


def test_a_route_is_made_and_recorded(client_of: ClientOf, large: ModelVersion, small: ModelVersion) -> None:
    typed = {
        "name": "research", "description": "For the lab.", "version": "large", "safe_answer": "Ask the lab.",
        "arm_version": ["small", ""], "arm_share": ["12.5 %", ""], "fallback_version": ["small", ""],
        **RULE, "rule_version": "small", "rule_task": "title", "rule_max_characters": "200",
    }  # fmt: skip
    response = post(client_of("oscar"), "save", to="", **typed)
    assert response["HX-Redirect"] == PATH
    plan = plan_of(load_route("research"))
    assert (plan.version, plan.arms, plan.fallbacks) == (large, [(small, 12.5)], [small])
    assert plan.rules == [RuleSpec(version=small, task="title", max_characters=200)]
    assert (plan.safe_answer, plan.description, plan.may_leave_company) == ("Ask the lab.", "For the lab.", False)
    assert AuditEvent.objects.filter(action="inference.route_configured", actor__username="oscar").count() == 1


def test_saving_the_form_as_it_was_opened_changes_nothing(
    client_of: ClientOf, large: ModelVersion, small: ModelVersion
) -> None:
    rules = [RuleSpec(version=small, choice="fast", min_characters=5), RuleSpec(version=large, language="de")]
    configure_route(user=None, name="default", version=large, arms=[(small, 0.25)], rules=rules, fallbacks=[small])
    before = plan_of(load_route("default"))
    client = client_of("oscar")
    page = client.get(EDIT, {"name": "default"}).content.decode()
    fields: dict[str, list[str]] = {}
    for tag, name, rest in re.findall(
        r'<(input|select)[^>]*? name="(\w+)"(.*?)(?=<input|<select|</form)', page, re.DOTALL
    ):
        pattern = r'value="([^"]*)" selected' if tag == "select" else r'^[^>]*?value="([^"]*)"'
        found = re.search(pattern, rest)
        if name not in {"may_leave_company", "csrfmiddlewaretoken"}:
            fields.setdefault(name, []).append(found[1] if found else "")
    response = client.post(f"{EDIT}?name=default", {"action": "save", **fields})
    assert (response.status_code, response["Location"]) == (302, PATH)
    assert plan_of(load_route("default")) == before
    assert "The route default is saved." in client.get(PATH).content.decode()


@pytest.mark.parametrize(
    "fields,where,sentence",
    [
        ({"version": ""}, "version", "Choose a version."),
        ({"version": "gone"}, "version", "There is no model version named gone."),
        ({"version": "far"}, "may_leave_company", "Text sent to far leaves the company, which this route does not"),
        ({"arm_version": "small", "arm_share": "much"}, "arms", "The share is a number of percent"),
        ({"arm_version": "small", "arm_share": "nan"}, "arms", "The share"),
        ({"arm_version": "", "arm_share": "5"}, "arms", "Choose a version."),
        (
            {"arm_version": ["small", "large"], "arm_share": ["60", "60"]},
            "arms",
            "The shares of the arms add up to",
        ),
        ({"fallback_version": ["small", "small"]}, "fallbacks", "A version stands twice among the fallbacks."),
        ({"safe_answer": "x" * 1001}, "safe_answer", "Safe answer must be a text of at most 1000"),
        ({"description": "x" * 301}, "description", "Description must be a text of at most 300"),
    ],
)
def test_a_refusal_stands_at_its_field_and_what_was_typed_stays(
    client_of: ClientOf, large: ModelVersion, small: ModelVersion, far: ModelVersion,
    fields: dict[str, Any], where: str, sentence: str,
) -> None:  # fmt: skip
    set_serving_version(user=None, version=large)
    response = post(client_of("oscar"), "save", **{"version": "small", "safe_answer": "typed before", **fields})
    page = response.content.decode()
    assert response.status_code == 400
    assert errors(page).keys() == {where}
    assert errors(page)[where].startswith(sentence)
    assert "typed before" in page or "safe_answer" in fields
    assert 'role="alert"' in page
    assert "<html" not in page
    assert load_route("default").version == large


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"rule_language": "German"},
        {"rule_task": "poem"},
        {"rule_min_characters": "-1"},
        {"rule_max_characters": "many"},
        {"rule_min_characters": "9", "rule_max_characters": "3"},
        {"rule_max_characters": "9" * 5_000},
        {"rule_collection": "a b"},
    ],
)
def test_a_refused_rule_is_told_at_the_rules(client_of: ClientOf, small: ModelVersion, rule: dict[str, str]) -> None:
    set_serving_version(user=None, version=small)
    response = post(client_of("oscar"), "save", version="small", rule_version="small", **{**RULE, **rule})
    assert response.status_code == 400
    assert errors(response.content.decode()).keys() == {"rules"}


@pytest.mark.parametrize("name", ["", "Big Name", "taken", "small", "x" * 65, "\0", "<b>"])
def test_a_name_that_cannot_be_is_refused(client_of: ClientOf, small: ModelVersion, name: str) -> None:
    configure_route(user=None, name="taken", version=small)
    response = post(client_of("oscar"), "save", to="", name=name, version="small")
    assert response.status_code == 400
    assert errors(response.content.decode()).keys() == {"name"}
    assert Route.objects.count() == 1


def test_rows_are_added_moved_and_removed_and_the_focus_follows(client_of: ClientOf, small: ModelVersion) -> None:
    set_serving_version(user=None, version=small)
    client = client_of("oscar")
    typed: Typed = {
        "version": "small",
        "fallback_version": ["small", "other"],
        "arm_version": "small",
        "arm_share": "5",
    }

    def rows(action: str) -> tuple[list[str], str]:
        page = post(client, action, **typed).content.decode()
        chosen = re.findall(r'name="fallback_version".*?</select>', page, re.DOTALL)
        found = [re.search(r'value="([^"]*)" selected', row) for row in chosen]
        focused = re.search(r'<(?:select|input|button)[^>]*(?:name="(\w+)"|value="(add-\w+)")[^>]*autofocus', page)
        return [match[1] if match else "" for match in found], (focused[1] or focused[2]) if focused else ""

    assert rows("add-fallback") == (["small", "other", ""], "fallback_version")
    assert rows("up-fallback-1") == (["other", "small"], "fallback_version")
    assert rows("up-fallback-0") == (["small", "other"], "fallback_version")
    assert rows("down-fallback-0") == (["other", "small"], "fallback_version")
    assert rows("remove-fallback-0")[0] == ["other"]
    assert rows("add-arm") == (["small", "other"], "arm_share")
    assert rows("preview") == (["small", "other"], "")
    assert load_route("default").fallbacks.count() == 0


@pytest.mark.parametrize(
    "action", ["remove-arm-0", "up-fallback-9", "up-fallback--1", "drop-arm-0", "add-", "add-users", "x" * 999, "\0"]
)
def test_a_made_up_action_is_refused(client_of: ClientOf, small: ModelVersion, action: str) -> None:
    set_serving_version(user=None, version=small)
    assert post(client_of("oscar"), action, version="small").status_code == 400


def test_the_preview_says_what_cannot_be_saved(client_of: ClientOf, small: ModelVersion, far: ModelVersion) -> None:
    set_serving_version(user=None, version=small)
    page = post(client_of("oscar"), "preview", version="far", arm_version="small", arm_share="").content.decode()
    assert sentences(page) == [
        "? % of users get small; everybody else gets far.",
        "If the version cannot answer, the user reads the standard safe answer.",
        "Text stays inside the company.",
        "This cannot be saved: text sent to far leaves the company.",
    ]


def test_markup_that_was_typed_is_inert(client_of: ClientOf, small: ModelVersion) -> None:
    set_serving_version(user=None, version=small)
    typed = {"version": "<img src=x>", "safe_answer": "</textarea><script>1</script>", **RULE, "rule_choice": '"><b>'}
    page = post(client_of("oscar"), "preview", rule_version="small", **typed).content.decode()
    assert not re.search(r"<script>1|<img src=x|<b>", page)


def test_no_more_rows_are_read_than_a_page_can_show(client_of: ClientOf, small: ModelVersion) -> None:
    set_serving_version(user=None, version=small)
    client = client_of("oscar")
    many: Typed = {"version": "small", "fallback_version": ["small"] * 900}
    page = post(client, "preview", **many).content.decode()
    assert page.count('data-testid="route-fallback"') == 60
    assert "at most 10 fallbacks" in errors(post(client, "save", **many).content.decode())["fallbacks"]


@pytest.mark.parametrize("name,status", [("alice", 404), ("mallory", 404), ("mona", 403), ("oscar", 200), ("ada", 200)])
def test_routes_are_for_operators(client_of: ClientOf, small: ModelVersion, name: str, status: int) -> None:
    configure_route(user=None, name="default", version=small)
    client = client_of(name)
    for path in (PATH, EDIT, f"{EDIT}?name=default"):
        assert client.get(path).status_code == status
    response = post(client, "save", version="small", safe_answer="changed")
    assert response.status_code == status
    assert load_route("default").safe_answer == ("changed" if status == 200 else "")


def test_an_employee_cannot_tell_a_route_from_none(client_of: ClientOf, alice: User, small: ModelVersion) -> None:
    configure_route(user=None, name="default", version=small)
    answers = [client_of("alice").get(EDIT, {"name": name}, headers=HTMX).content for name in ("default", "missing")]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("name", ["missing", "\0", "x" * 5_000])
def test_a_route_that_is_not_there_is_not_found(client_of: ClientOf, name: str) -> None:
    assert client_of("oscar").get(EDIT, {"name": name}).status_code == 404
    assert client_of("oscar").post(f"{EDIT}?name=missing", {"action": "save"}).status_code == 404


def test_the_list_takes_the_same_number_of_queries_however_long_it_is(
    client_of: ClientOf, small: ModelVersion, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        configure_route(
            user=None,
            name=f"r{number}",
            version=small,
            arms=[(small, 5)],
            rules=[RuleSpec(version=small, task="title")],
        )
    client = client_of("oscar")
    with django_assert_num_queries(6):  # session, user, routes, arms, rules, fallbacks
        assert client.get(PATH).content.decode().count('data-testid="route-row"') == 12


def test_a_version_without_a_gate_is_asked_a_reason_which_is_kept(
    client_of: ClientOf, large: ModelVersion, small: ModelVersion
) -> None:
    set_serving_version(user=None, version=large)
    make_version("draft", state="draft")
    client = client_of("oscar")
    refused = post(client, "save", version="draft")
    page = refused.content.decode()
    assert refused.status_code == 400
    assert errors(page).keys() == {"override"}
    assert 'data-testid="route-override"' in page
    assert load_route("default").version == large
    post(client, "save", version="draft", override="Only the prompt differs.")
    assert load_route("default").version.name == "draft"
    assert AuditEvent.objects.get(action="inference.gate_overridden").reason == "Only the prompt differs."


def test_while_a_rollout_runs_its_route_says_so_and_stays(
    client_of: ClientOf, large: ModelVersion, small: ModelVersion
) -> None:
    set_serving_version(user=None, version=large)
    rollout = start_rollout(user=None, route="default", kind="canary", candidate=small)
    client = client_of("oscar")
    for page in (client.get(PATH), client.get(EDIT, {"name": "default"})):
        assert f"/console/rollouts/{rollout.id}/" in page.content.decode()
    refused = post(client, "save", version="small")
    assert refused.status_code == 400
    assert "A rollout of small runs on the route default." in refused.content.decode()
    assert load_route("default").version == large
