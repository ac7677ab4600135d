"""The page of one version: what it is, what happens to it, what is done with it, and what is made of it."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import AuditEvent, User
from chatapp.inference.models import Download, ModelVersion, Rollout, VersionChange, VersionState
from chatapp.inference.selectors import serving_version
from chatapp.inference.selectors.stored_weights import StoredWeights, list_stored_weights
from chatapp.inference.services import (
    change_state,
    clone_version,
    register_version,
    set_serving_version,
    start_rollout,
    storage,
)
from chatapp.inference.services.storage import remove_weights_for
from chatapp.inference.services.verification import read_missing_facts
from chatapp.inference.tasks import remove_stored_weights
from chatapp.inference.tests.tiny_model import hash_of, tiny_model
from tests.people import make_person
from tests.versions import make_version

pytestmark = pytest.mark.django_db
ClientOf = Callable[[str], Client]
HX = {"HX-Request": "true"}
HUB = {"kind": "hugging_face", "repository": "maker/model", "file": "tiny.gguf", "revision": "main"}


def scripted(name: str, user: User | None = None, **fields: Any) -> ModelVersion:
    return register_version(user=user, name=name, provider="scripted", context_tokens=4096, **fields)


def draft(**fields: Any) -> ModelVersion:
    given = {"name": "new", "provider": "llama_cpp", "context_tokens": 4096, "sources": [HUB], **fields}
    return register_version(user=operator(), **given)


def operator() -> User:
    return User.objects.filter(username="oscar").first() or make_person("oscar")


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def show(client: Client, version: ModelVersion) -> str:
    return client.get(f"/console/models/{version.pk}/").content.decode()


def test_a_version_is_told_with_its_card_its_life_and_where_it_comes_from(client_of: ClientOf) -> None:
    version = draft(card="# For _tests_\n\n<script>alert(1)</script>", licence="MIT", system_prompt="Be brief.")
    change_state(user=operator(), version=version, state=VersionState.VERIFIED, reason="It is sound.")
    page = show(client_of("oscar"), version)
    assert "<em>tests</em>" in page
    assert "<script>alert" not in page
    for words in ("maker/model, tiny.gguf (main)", "MIT", "Be brief.", "Verified after draft", "It is sound."):
        assert words in text_of(page)


def test_a_download_shows_how_far_it_is_and_the_page_renews_itself(client_of: ClientOf) -> None:
    version = draft()
    Download.objects.update(state="running", stage="downloading", source="bucket x", done_bytes=3e9, total_bytes=12e9)
    client = client_of("oscar")
    page = show(client, version)
    assert "Fetched from bucket x: 3.0 GB of 12.0 GB, 25 %" in text_of(page)
    assert 'hx-trigger="every 2s"' in page
    states = client.get("/console/models/states/", headers=HX).content.decode()
    assert "3.0 GB of 12.0 GB, 25 %" in text_of(states)
    answer = client.post(f"/console/models/{version.pk}/cancel/", headers=HX).content.decode()
    assert Download.objects.get().state == "cancelled"
    assert 'hx-trigger="every 2s"' not in answer


def test_a_failed_check_says_what_to_do_and_is_tried_again(client_of: ClientOf) -> None:
    version = draft()
    Download.objects.update(state="failed", error="The file has no chat template. Clone the version with one.")
    client = client_of("oscar")
    assert "Clone the version with one." in show(client, version)
    client.post(f"/console/models/{version.pk}/verify/", headers=HX)
    assert list(Download.objects.values_list("state", flat=True)) == ["queued", "failed"]


def test_rejecting_asks_for_a_reason_and_is_told(client_of: ClientOf) -> None:
    version, client = scripted("bad"), client_of("oscar")
    path = f"/console/models/{version.pk}"
    assert client.post(f"{path}/reject/", {"reason": " "}, headers=HX).status_code == 400
    answer = client.post(f"{path}/reject/", {"reason": "It is rude."}, headers=HX)
    assert "bad was rejected and answers nobody." in answer.content.decode()
    assert "It is rude." in text_of(show(client, version))
    assert VersionChange.objects.get().actor.username == "oscar"
    client.post(f"{path}/restore/", headers=HX)
    version.refresh_from_db()
    assert version.state == "draft"


def test_what_serves_is_not_retired(client_of: ClientOf) -> None:
    version = scripted("serving")
    set_serving_version(user=None, version=version)
    answer = client_of("oscar").post(f"/console/models/{version.pk}/retire/", headers=HX)
    assert answer.status_code == 409
    assert "serving is in use by route default" in answer.content.decode()


def test_a_version_without_a_gate_is_served_with_a_reason_that_is_audited(client_of: ClientOf) -> None:
    version, client = scripted("new", operator()), client_of("oscar")
    path = f"/console/models/{version.pk}/serve/"
    assert client.post(path, headers=HX).status_code == 409
    assert serving_version() is None
    assert client.post(path, {"override": "The old one is down."}).status_code == 302
    assert serving_version() == version
    assert AuditEvent.objects.get(action="inference.gate_overridden").reason == "The old one is down."


def test_the_card_asks_before_it_serves_and_leads_to_the_list(client_of: ClientOf) -> None:
    version, client = scripted("new", operator()), client_of("oscar")
    ModelVersion.objects.update(state="evaluated")
    path = f"/console/models/{version.pk}/serve/"
    assert f'hx-post="{path}" hx-target="#serve" hx-confirm="Serve new?' in (
        client.get(f"/console/models/{version.pk}/").content.decode()
    )
    assert client.post(path, headers={**HX, "HX-Target": "div#serve"})["HX-Redirect"] == "/console/models/"
    assert serving_version() == version


def test_a_clone_starts_from_the_version_and_changes_what_is_typed(client_of: ClientOf) -> None:
    version, client = draft(system_prompt="Be brief.\nBe kind.", sampling={"temperature": 0.2}), client_of("oscar")
    path = f"/console/models/{version.pk}/clone/"
    page = client.get(path).content.decode()
    assert "Be brief." in page
    given = {
        "name": "terse",
        "context_tokens": "4096",
        "system_prompt": "Be brief.\r\nBe kind.\r\nUse one sentence.",
        "sampling": '{"temperature": 0.2}',
    }
    assert client.post(path, {**given, "system_prompt": "Be brief.\r\nBe kind."}).status_code == 400  # the same
    answer = client.post(path, given)
    made = ModelVersion.objects.get(name="terse")
    assert answer["Location"] == f"/console/models/{made.pk}/"
    assert (made.copied_from, made.sampling, made.sources) == (version, {"temperature": 0.2}, version.sources)
    diff = client.get(f"/console/models/diff/?left={version.pk}&right={made.pk}").content.decode()
    assert '<span class="line-added">+Use one sentence.</span>' in diff
    assert 'data-testid="diff-row"' not in diff
    assert client.post(path, {**given, "system_prompt": "x"}).status_code == 400  # the name is taken
    assert ModelVersion.objects.count() == 2


def test_two_versions_are_compared_without_their_keys(client_of: ClientOf) -> None:
    common: dict[str, Any] = {
        "provider": "openai_compatible",
        "preset": "vllm",
        "context_tokens": 4096,
        "may_leave_company": False,
    }
    key, url = "sk-secret-of-the-company", "http://127.0.0.1:9000/v1"
    left = register_version(user=None, name="a", external_model="m1", endpoints=[{"url": url, "key": key}], **common)
    right = clone_version(user=None, version=left, name="b", changes={"prompt_price": "0.5"})
    assert right.endpoints.get().key == key
    page = client_of("oscar").get(f"/console/models/diff/?left={left.pk}&right={right.pk}").content.decode()
    assert page.count('data-testid="diff-row"') == 1
    assert "Price of a million tokens read" in page
    assert key not in page


@pytest.mark.parametrize("query", ["", "?left=x&right=y", "?left=%00", f"?left={uuid4()}"])
def test_a_comparison_of_nothing_is_no_fault(client_of: ClientOf, query: str) -> None:
    assert client_of("oscar").get(f"/console/models/diff/{query}").status_code == (404 if query else 200)


def test_the_list_is_filtered_by_words_and_state(client_of: ClientOf) -> None:
    scripted("alpha", description="the quick one")
    scripted("beta", operator())
    client = client_of("oscar")

    def names(query: str) -> list[str]:
        page = client.get(f"/console/models/?{query}").content.decode()
        return re.findall(r'data-version="([^"]+)"', page)

    assert names("text=QUICK") == ["alpha"]
    assert names("state=verified") == ["beta"]
    assert names("text=nothing") == []
    assert client.get("/console/models/?text=%00").status_code == 400


def test_the_page_takes_as_many_statements_for_a_long_life(
    client_of: ClientOf, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    version, oscar = scripted("busy"), operator()
    for number in range(5):
        clone_version(user=oscar, version=version, name=f"c{number}", changes={"system_prompt": str(number)})
        state = VersionState.VERIFIED if number % 2 == 0 else VersionState.EVALUATED
        change_state(user=oscar, version=version, state=state)
    client = client_of("oscar")
    with django_assert_max_num_queries(24):
        show(client, version)


@pytest.mark.parametrize("step", ["", "clone/", "verify/", "cancel/", "reject/", "retire/", "restore/", "card/"])
def test_strangers_see_and_change_nothing(client_of: ClientOf, step: str) -> None:
    version = scripted("own")
    path = f"/console/models/{version.pk}/{step}"
    for name, status in (("mallory", 404), ("mona", 403)):
        client = client_of(name)
        answer = client.get(path) if step in {"", "clone/"} else client.post(path, {"reason": "x", "card": "x"})
        assert answer.status_code == status
    version.refresh_from_db()
    assert (version.state, version.card) == ("evaluated", "")
    assert client_of("oscar").get(f"/console/models/{uuid4()}/").status_code == 404


def test_a_card_is_written_and_audited(client_of: ClientOf) -> None:
    version, client = scripted("own"), client_of("oscar")
    path = f"/console/models/{version.pk}/card/"
    assert client.post(path, {"card": "For **tests**."}).status_code == 302
    assert "<strong>tests</strong>" in show(client, version)
    assert client.post(path, {"card": "x" * 50_001}).status_code == 400
    assert AuditEvent.objects.filter(action="inference.card_changed").count() == 1


class TestStore:
    """Weights go only when nothing may need them."""

    @pytest.fixture(autouse=True)
    def store(self, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        settings.MODELS_DIR = tmp_path

        class Result:
            def __init__(self, value: object) -> None:
                self._value = value

            def get(self, timeout: float) -> object:
                assert timeout
                return self._value

            def forget(self) -> None:
                """As a result of Celery's."""

        monkeypatch.setattr(remove_stored_weights, "delay", lambda *given: Result(remove_stored_weights(*given)))
        return tmp_path

    def version(self, store: Path, name: str, *, padding: int, user: User | None = None, **fields: Any) -> ModelVersion:
        content = tiny_model(padding=padding)
        (store / f"{hash_of(content)}.gguf").write_bytes(content)
        given = {"name": name, "provider": "llama_cpp", "context_tokens": 4096, "sha256": hash_of(content), **fields}
        return register_version(user=user, **given)

    def test_what_is_needed_stays_whoever_asks(self, store: Path, client_of: ClientOf) -> None:
        oscar = operator()
        evaluated = self.version(store, "evaluated", padding=0)
        baseline = self.version(store, "baseline", padding=32)
        set_serving_version(user=None, version=evaluated)
        route = evaluated.routes.get()
        rolled = {"kind": "canary", "state": "rolled_back", "stage_started_at": "2026-01-01T00:00:00Z"}
        for version in (baseline,):
            change_state(user=None, version=version, state=VersionState.RETIRED)
        adapter = self.version(store, "adapter", padding=64)
        change_state(user=None, version=adapter, state=VersionState.RETIRED)
        register_version(
            user=None, name="with-adapter", provider="llama_cpp", context_tokens=4096, sha256="ab" * 32,
            engine_options={"adapters": [{"sha256": adapter.sha256}]},
        )  # fmt: skip
        recent = Rollout.objects.create(route=route, baseline=baseline, candidate=evaluated, **rolled)
        Rollout.objects.filter(pk=recent.pk).update(finished_at=recent.created_at)
        waiting = self.version(store, "waiting", padding=96, user=oscar)
        free = self.version(store, "free", padding=128, user=oscar)
        free.downloads.update(state="complete")
        change_state(user=oscar, version=free, state=VersionState.VERIFIED)
        hashes = [one.sha256 for one in (evaluated, baseline, adapter, waiting, free)]
        client = client_of("oscar")
        page = client.get("/console/models/store/?" + "&".join(f"chosen={one}" for one in hashes)).content.decode()
        assert page.count('data-may-go="true"') == 1
        assert "1 file would go" in text_of(page)
        assert (store / f"{free.sha256}.gguf").exists()
        assert client.post("/console/models/store/remove/", {"chosen": hashes}).status_code == 302
        assert {path.stem for path in store.glob("*.gguf")} == set(hashes) - {free.sha256}
        free.refresh_from_db()
        assert free.state == "draft"
        event = AuditEvent.objects.get(action="inference.weights_removed")
        assert (event.actor, event.detail["versions"]) == (oscar, ["free"])

    def test_a_rollout_that_begins_in_the_last_moment_keeps_its_weights(
        self, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        oscar = operator()
        set_serving_version(user=None, version=make_version("old"))
        content = tiny_model()
        candidate = make_version(
            "candidate", provider="llama_cpp", sha256=hash_of(content), state=VersionState.VERIFIED
        )
        (store / f"{candidate.sha256}.gguf").write_bytes(content)
        looked: list[object] = []

        def list_and_begin() -> list[StoredWeights]:
            stored = list_stored_weights()
            if not looked:
                start_rollout(user=oscar, route="default", kind="shadow", candidate=candidate)
            looked.append(stored)
            return stored

        monkeypatch.setattr(storage, "list_stored_weights", list_and_begin)
        assert storage.remove_weights(user=oscar, hashes=[candidate.sha256]) == []
        assert (store / f"{candidate.sha256}.gguf").exists()

    def test_what_killed_downloads_left_goes_after_a_day(self, store: Path) -> None:
        old, young = store / "packages-old", store / "packages-young"
        for folder in (old, young):
            (folder / "part").mkdir(parents=True)
        os.utime(old, (0, 0))
        assert storage.purge_partials() == 1
        assert (old.exists(), young.exists()) == (False, True)

    def test_nothing_outside_the_store_is_named(self, store: Path, client_of: ClientOf) -> None:
        (store / "notes.txt").write_text("mine")
        secret = store.parent / "secret.gguf"
        secret.write_text("secret")
        client = client_of("oscar")
        assert client.post("/console/models/store/remove/", {"chosen": ["../secret", "notes"]}).status_code == 302
        assert secret.exists()
        assert (store / "notes.txt").exists()

    def test_strangers_remove_nothing(self, store: Path, client_of: ClientOf) -> None:
        version = self.version(store, "old", padding=0)
        change_state(user=None, version=version, state=VersionState.RETIRED)
        for name, status in (("mallory", 404), ("mona", 403)):
            assert client_of(name).get("/console/models/store/").status_code == status
            answer = client_of(name).post("/console/models/store/remove/", {"chosen": [version.sha256]})
            assert answer.status_code == status
        assert remove_weights_for(user_id=uuid4(), hashes=[version.sha256]) == []
        assert (store / f"{version.sha256}.gguf").exists()

    def test_memory_is_shown_beside_what_the_file_says(self, store: Path, client_of: ClientOf) -> None:
        version = self.version(store, "packaged", padding=0)
        assert read_missing_facts() == 1
        page = text_of(show(client_of("oscar"), version))
        assert "Architecture llama, 1 layers" in page
        assert "answers at once" in page
