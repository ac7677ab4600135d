from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatapp.accounts.models import AuditEvent, User
from chatapp.accounts.selectors import get_user_by_name
from chatapp.demo.policy import CHECKS
from chatapp.demo.sources import load_sources
from chatapp.inference.models import ModelVersion
from chatapp.inference.selectors import list_chat_versions, load_route, serving_version
from chatapp.inference.services import set_serving_version
from chatapp.moderation.models import PolicyVersion
from chatapp.moderation.selectors import list_versions_in_force
from chatapp.retrieval.models import AccessRole, Collection, Document, DocumentVersion
from chatapp.retrieval.selectors import list_collections_for, list_documents_for, role_of
from chatapp.retrieval.services import delete_document

pytestmark = pytest.mark.django_db
PASSWORD = "a password for the demo"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("CHATAPP_DEMO_PASSWORD", PASSWORD)
    monkeypatch.delenv("CHATAPP_DEMO_MODELS", raising=False)
    settings.SCRIPTED_MODEL = False
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "OPTIONS": {"location": tmp_path}},
    }


def seed() -> str:
    output = StringIO()
    call_command("seed_demo", stdout=output)
    return output.getvalue()


def user(name: str) -> User:
    found = get_user_by_name(name)
    assert found is not None
    return found


def counts() -> list[int]:
    return [
        model.objects.count()
        for model in (User, AuditEvent, ModelVersion, PolicyVersion, Collection, Document, DocumentVersion)
    ]


def test_accounts_have_the_roles_and_groups_of_the_company() -> None:
    seed()
    found = {
        u.username: (set(u.roles) - {"employee"}, set(u.groups.values_list("name", flat=True)))
        for u in User.objects.all()
    }
    assert found == {
        "alice": (set(), {"staff", "engineering"}),
        "bob": (set(), {"staff", "sales"}),
        "mallory": (set(), set()),
        "mona": ({"reviewer"}, {"staff"}),
        "oscar": ({"model_operator"}, {"staff"}),
        "ada": ({"administrator"}, {"staff"}),
    }
    assert all("employee" in u.roles and u.check_password(PASSWORD) for u in User.objects.all())
    assert not User.objects.filter(is_superuser=True).exists()


def test_every_document_is_uploaded_and_waits_for_a_worker() -> None:
    seed()
    names = {(d.collection.slug, d.name, d.status) for d in list_documents_for(user("ada"))}
    assert names == {(source.collection, source.file_name, "waiting") for source in load_sources()}


def test_people_see_the_collections_of_their_groups() -> None:
    seed()
    visible = {
        name: {c.slug: role_of(user(name), c) for c in list_collections_for(user(name))}
        for name in ("alice", "bob", "mallory", "ada")
    }
    assert visible == {
        "alice": {"handbook": AccessRole.READER, "engineering-notes": AccessRole.EDITOR},
        "bob": {"handbook": AccessRole.READER},
        "mallory": {},
        "ada": {"handbook": AccessRole.OWNER, "engineering-notes": AccessRole.OWNER},
    }


def test_the_one_active_policy_is_the_company_s() -> None:
    seed()
    [active] = list_versions_in_force()
    assert (active.name, active.number, active.checks) == ("company", 1, CHECKS)


def test_the_first_packaged_model_serves() -> None:
    seed()
    assert [version.name for version in list_chat_versions()] == [
        "qwen2.5-coder-1.5b-instruct-q4_k_m",
        "qwen2.5-coder-0.5b-instruct-q4_k_m",
    ]
    assert serving_version() == list_chat_versions()[0]


def test_other_models_can_be_chosen(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("CHATAPP_DEMO_MODELS", "smollm2-135m-instruct-q4_1")
    settings.SCRIPTED_MODEL = True
    seed()
    assert [version.name for version in list_chat_versions()] == ["smollm2-135m-instruct-q4_1", "scripted"]


def test_the_second_model_answers_whoever_prefers_fast_and_when_the_first_cannot() -> None:
    seed()
    first, second = list_chat_versions()
    route = load_route("default")
    assert [(rule.choice, rule.version) for rule in route.rules.all()] == [("fast", second)]
    assert (route.version, [fallback.version for fallback in route.fallbacks.all()]) == (first, [second])


def test_a_second_run_changes_nothing_and_asks_little() -> None:
    seed()
    before = counts()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert seed() == "Made nothing: the demo company is complete\n"
    assert counts() == before
    assert len(queries) <= 12


def test_what_people_changed_stays() -> None:
    seed()
    ada = user("ada")
    small = list_chat_versions()[1]
    set_serving_version(user=None, version=small)
    delete_document(user=ada, document=list_documents_for(ada)[0])
    User.objects.filter(username="bob").update(roles=["employee", "reviewer"])
    before = counts()
    seed()
    assert counts() == before
    assert serving_version() == small
    assert user("bob").roles == ["employee", "reviewer"]


def test_a_new_password_reaches_every_account(monkeypatch: pytest.MonkeyPatch) -> None:
    seed()
    monkeypatch.setenv("CHATAPP_DEMO_PASSWORD", "another password")
    seed()
    assert all(u.check_password("another password") for u in User.objects.all())


def test_without_a_password_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHATAPP_DEMO_PASSWORD")
    with pytest.raises(CommandError, match="CHATAPP_DEMO_PASSWORD is not set"):
        seed()
    assert not User.objects.exists()


def test_an_unknown_model_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATAPP_DEMO_MODELS", "gpt-nothing")
    with pytest.raises(CommandError, match="There is no model version named gpt-nothing"):
        seed()
