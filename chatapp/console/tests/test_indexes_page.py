"""The console's page of embedding indexes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from chatapp.accounts.models import User
from chatapp.console.views.indexes import _ACTIONS
from chatapp.retrieval.embedding_models import EMBEDDING_MODEL
from chatapp.retrieval.models import Collection, EmbeddingIndex, Evaluation, EvaluationState, GoldenQuestion, IndexState
from chatapp.retrieval.services import create_collection, drop_expired_indexes
from chatapp.retrieval.services.indexing import ensure_serving_index

URL = "/console/indexes/"
ClientOf = Callable[[str], Client]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def serving(db: None) -> EmbeddingIndex:
    return ensure_serving_index()


@pytest.fixture
def retired(serving: EmbeddingIndex) -> EmbeddingIndex:
    return EmbeddingIndex.objects.create(model="older", dimensions=32, state=IndexState.RETIRED)


@pytest.fixture
def handbook(oscar: User) -> Collection:
    made = create_collection(user=oscar_as_editor(oscar), slug="handbook", name="Handbook", groups={})
    GoldenQuestion.objects.create(collection=made, text="How long is the holiday?", created_by=oscar)
    return made


def oscar_as_editor(oscar: User) -> User:
    oscar.roles = [*oscar.roles, "knowledge_editor"]
    oscar.save()
    return oscar


def page(client: Client) -> str:
    return client.get(URL).content.decode()


def post(client: Client, path: str, **data: str) -> tuple[int, str]:
    response = client.post(f"{URL}{path}", data, headers=HTMX)
    return response.status_code, response.content.decode()


def test_an_operator_begins_pauses_resumes_and_aborts(client_of: ClientOf, serving: EmbeddingIndex) -> None:
    client = client_of("oscar")
    assert 'data-state="serving"' in page(client)
    status, said = post(client, "new/", model=EMBEDDING_MODEL)
    assert (status, "is being made" in said) == (200, True)
    index = EmbeddingIndex.objects.get(state=IndexState.FILLING)
    assert index.started_by is not None
    for action, state in (("pause", IndexState.PAUSED), ("resume", IndexState.FILLING), ("abort", IndexState.DROPPED)):
        assert "hx-confirm" in page(client)
        assert post(client, f"{index.pk}/{action}/")[0] == 200
        index.refresh_from_db()
        assert index.state == state
    assert 'data-state="dropped"' not in page(client)


def test_without_javascript_it_says_what_it_did_too(client_of: ClientOf, serving: EmbeddingIndex) -> None:
    client = client_of("oscar")
    shown = client.post(f"{URL}new/", {"model": EMBEDDING_MODEL}, follow=True).content.decode()
    assert "is being made. Search goes on" in shown
    refused = client.post(f"{URL}new/", {"model": EMBEDDING_MODEL}, follow=True).content.decode()
    assert "is being made already" in refused


def test_a_refusal_is_shown_above_the_indexes_as_they_are(client_of: ClientOf, serving: EmbeddingIndex) -> None:
    status, said = post(client_of("oscar"), f"{serving.pk}/abort/")
    assert status == 409
    assert "This index is serving now" in said
    assert 'data-testid="index-row"' in said
    assert post(client_of("oscar"), "new/", model="no such model")[0] == 400


def test_a_retired_index_can_be_served_again_or_dropped(
    client_of: ClientOf, serving: EmbeddingIndex, retired: EmbeddingIndex
) -> None:
    shown = page(client_of("oscar"))
    assert "Kept until" in shown
    assert 'data-testid="index-back"' in shown
    assert "Drop now" in shown
    assert drop_expired_indexes() == 0
    # Its HNSW index was never built, so it may not serve.
    assert post(client_of("oscar"), f"{retired.pk}/back/")[0] == 409
    assert post(client_of("oscar"), f"{retired.pk}/abort/")[0] == 200


def test_figures_of_both_stand_side_by_side(
    client_of: ClientOf, serving: EmbeddingIndex, retired: EmbeddingIndex, handbook: Collection
) -> None:
    measures = {"recall_at_3": 0.75, "recall_at_10": 1, "mrr": 0.5, "ndcg_at_10": 0.625, "no_answer_accuracy": None}
    figures = {"questions": 4, "answerable": 4, **measures}
    Evaluation.objects.create(
        collection=handbook, index=serving, state=EvaluationState.COMPLETE, total=4, done=4, setup={}, figures=figures
    )
    shown = page(client_of("oscar"))
    assert "0.625" in shown
    assert "not evaluated" in shown
    status, said = post(client_of("oscar"), f"{retired.pk}/evaluate/", collection="handbook")
    assert (status, "The questions of Handbook are being asked" in said) == (200, True)
    assert Evaluation.objects.get(state=EvaluationState.QUEUED).index == retired


def test_an_evaluation_needs_the_collection_s_rights(
    client_of: ClientOf, serving: EmbeddingIndex, handbook: Collection
) -> None:
    ada = client_of("ada")
    assert "index-evaluate" not in page(ada)
    for slug in ("handbook", "no-such-collection", "", "nul\0"):
        assert post(ada, f"{serving.pk}/evaluate/", collection=slug)[0] == 404
    assert not Evaluation.objects.exists()


@pytest.mark.parametrize("name,status", [("mallory", 404), ("alice", 404), ("mona", 403)])
def test_others_neither_see_nor_change_indexes(
    client_of: ClientOf, serving: EmbeddingIndex, name: str, status: int
) -> None:
    client = client_of(name)
    assert client.get(URL).status_code == status
    paths = ["new/", f"{serving.pk}/evaluate/", "999/pause/", *(f"{serving.pk}/{action}/" for action in _ACTIONS)]
    assert {post(client, path)[0] for path in paths} == {status}


def test_who_is_not_signed_in_is_sent_to_sign_in(serving: EmbeddingIndex) -> None:
    response = Client().post(f"{URL}{serving.pk}/abort/")
    assert response.status_code == 302
    assert "/accounts/" in response["Location"]


@pytest.mark.parametrize("path", ["999/pause/", "999999999999999999999/pause/", "0/evaluate/", "1/explode/"])
def test_what_does_not_exist_is_not_found(client_of: ClientOf, serving: EmbeddingIndex, path: str) -> None:
    assert post(client_of("oscar"), path, collection="x")[0] == 404


def test_folders_are_offered_and_broken_ones_say_what_is_wrong(
    client_of: ClientOf, serving: EmbeddingIndex, settings: Any, tmp_path: Path
) -> None:
    settings.EMBEDDING_MODELS_PATH = str(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "modules.json").write_text('[{"path": ""}]')
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "modules.json").write_text('[{"path": ""}]')
    (tmp_path / "good" / "model.safetensors").write_bytes(b"")
    (tmp_path / "<b>bold").mkdir()
    (tmp_path / "file").write_text("no folder")
    shown = page(client_of("oscar"))
    assert '<option value="good">' in shown
    assert "The folder empty has no readable modules.json" in shown
    assert "The folder pickled holds no .safetensors file" in shown
    assert '<option value="pickled">' not in shown
    assert "bold" not in shown
    assert post(client_of("oscar"), "new/", model="pickled")[0] == 400
    settings.EMBEDDING_MODELS_PATH = str(tmp_path / "gone")
    assert client_of("oscar").get(URL).status_code == 200


def test_queries_do_not_grow_with_the_indexes(
    client_of: ClientOf, serving: EmbeddingIndex, django_assert_max_num_queries: Any
) -> None:
    client = client_of("oscar")
    page(client)
    with django_assert_max_num_queries(40) as few:
        page(client)
    for number in range(5):
        EmbeddingIndex.objects.create(model=f"older-{number}", dimensions=32, state=IndexState.RETIRED)
    with django_assert_max_num_queries(len(few)):
        page(client)
