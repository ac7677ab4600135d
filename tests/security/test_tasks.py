"""B09: what a task does for somebody it does with the rights that they have when it runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group

from chatapp.accounts.models import User
from chatapp.celery import TASKS, app
from chatapp.conversations import services as conversations
from chatapp.conversations.models import Generation, Status, TitledBy
from chatapp.conversations.tasks import answer_queued, do_side_work
from chatapp.conversations.tests.answering import Answerer
from chatapp.conversations.tests.conftest import scripted
from chatapp.conversations.tests.conftest import worker as scripted_worker
from chatapp.conversations.tests.test_side_work import answer, title_of, version, worker
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.errors import ChatappError
from chatapp.evaluation.models import ComparisonState
from chatapp.evaluation.services import run_gate
from chatapp.evaluation.tasks import measure_gate, prepare_comparisons, sweep_gates
from chatapp.evaluation.tests.comparing import answer_trials
from chatapp.evaluation.tests.comparing import start as start_comparison
from chatapp.evaluation.tests.gating import make_handbook, run_to_end
from chatapp.inference.models import Route, SideWork, Task
from chatapp.inference.selectors import get_version_by_name
from chatapp.inference.tasks import remove_stored_weights
from chatapp.inference.testing import ScriptedModel
from chatapp.moderation.tasks import replay, try_policy
from chatapp.moderation.tests.replaying import PATTERN, keep, make_policy, start
from chatapp.privacy.models import DataExport, ExportStatus
from chatapp.privacy.services import exports
from chatapp.privacy.tasks import make_export
from chatapp.retrieval.models import Collection
from chatapp.retrieval.selectors import get_serving_index
from chatapp.retrieval.services import (
    add_golden_question,
    create_collection,
    process_document,
    run_evaluation,
    upload_document,
)
from chatapp.retrieval.tasks import evaluate, explain_search, search_passages
from tests.versions import make_version

__all__ = ["answer", "scripted", "scripted_worker", "version", "worker"]
pytestmark = pytest.mark.django_db(transaction=True)
PLAN = b"# Plan\n\nThe merger partner is called Heliotrope, and the merger is planned for May."
QUESTION = "Who is the partner of the planned merger?"

# The tests below, by what they try.
FOR_A_PERSON = {
    "chatapp.conversations.tasks.answer_queued": "test_b09_an_answer_rests_on_nothing_that_was_taken_away_meanwhile",
    "chatapp.conversations.tasks.do_side_work": "test_b09_no_title_is_written_for_a_closed_account",
    "chatapp.evaluation.tasks.prepare_comparisons": "test_b09_a_comparison_ends_with_the_right_to_manage_it",
    "chatapp.evaluation.tasks.measure_gate": "test_b09_a_gate_ends_with_the_right_to_run_one",
    "chatapp.evaluation.tasks.sweep_gates": "test_b09_a_gate_ends_with_the_right_to_run_one",
    "chatapp.inference.tasks.remove_stored_weights": "test_b09_weights_go_with_the_right_of_that_moment",
    "chatapp.moderation.tasks.replay": "test_b09_a_replay_ends_with_the_right_to_manage_policies",
    "chatapp.moderation.tasks.replay_with_models": "test_b09_a_replay_ends_with_the_right_to_manage_policies",
    "chatapp.moderation.tasks.try_policy": "test_b09_nobody_tries_a_policy_without_the_right_to_make_one",
    "chatapp.privacy.tasks.make_export": "test_b09_no_archive_is_made_for_a_closed_account",
    "chatapp.retrieval.tasks.evaluate": "test_b09_an_evaluation_ends_with_the_right_to_read",
    "chatapp.retrieval.tasks.explain_search": "test_b09_a_search_ends_with_the_right_and_with_the_account",
    "chatapp.retrieval.tasks.search_passages": "test_b09_a_search_ends_with_the_right_and_with_the_account",
}
FOR_NOBODY = {
    "chatapp.accounts.tasks.log_audit_head": "Reads the last hash of the audit log.",
    "chatapp.accounts.tasks.seal_audit_events": "Numbers what is in the audit log already.",
    "chatapp.conversations.tasks.delete_expired_conversations": "Follows the clock.",
    "chatapp.conversations.tasks.purge_cached_answers": "Follows the clock.",
    "chatapp.conversations.tasks.sweep_generations": "Ends or requeues what was left; claiming looks at the account.",
    "chatapp.inference.tasks.fetch_weights": "Brings weights that were registered; serving them asks for a right.",
    "chatapp.inference.tasks.judge_rollouts": "Follows the plan of a rollout, audited; operators may stop it.",
    "chatapp.inference.tasks.tend_downloads": "Says which downloads wait, and removes what was left a day ago.",
    "chatapp.inference.tasks.sum_usage": "Sums days that are over.",
    "chatapp.inference.tasks.watch_budgets": "Sums what was used, and tells those who set the budgets.",
    "chatapp.moderation.tasks.look_for_personal_data": "Says where it stands, so that it is masked; shows nothing.",
    "chatapp.moderation.tasks.sweep_replays": "Says which replays wait; each slice looks at who began it.",
    "chatapp.privacy.tasks.run_erasures": "Does what was asked, confirmed and audited; nobody need be there then.",
    "chatapp.privacy.tasks.run_retention": "Follows the rules of the company.",
    "chatapp.privacy.tasks.sweep_exports": "Says which archives wait; making one looks at the account.",
    "chatapp.retrieval.tasks.draw_page": "Draws for whoever fetches the picture, and is asked for the right then.",
    "chatapp.retrieval.tasks.embed": "Makes vectors of the text that it is given and reads nothing.",
    "chatapp.retrieval.tasks.process_documents": "Reads files that collections have taken; each search asks rights.",
    "chatapp.retrieval.tasks.purge_collections": "Removes what an owner deleted, which nobody sees any more.",
    "chatapp.retrieval.tasks.sync_connector": "What owners of a collection have connected; search asks rights.",
    "chatapp.retrieval.tasks.sweep_connectors": "Queues the syncs that are due, and says which wait.",
    "chatapp.retrieval.tasks.sweep_documents": "Says which documents wait.",
    "chatapp.retrieval.tasks.sweep_evaluations": "Says which runs wait; each slice looks at who began it.",
    "chatapp.retrieval.tasks.tend_index": "Embeds what is searchable by another model; each search asks rights.",
    "chatapp.evaluation.tasks.deliver_alerts": "Sends what is due of alerts, which hold no text of anybody.",
    "chatapp.evaluation.tasks.watch_answers": "Sums outcomes; opens and closes alerts.",
    "chatapp.evaluation.tasks.watch_weeks": "Sums outcomes; opens and closes alerts.",
    "chatapp.inference.tasks.sweep_orders": "Fails orders to workers that are gone.",
    "chatapp.retrieval.tasks.tend_indexes": "Says which indexes lack something, and follows the clock.",
}


@pytest.fixture
def plans(ada: User, alice: User) -> Collection:
    """One document, which alice may read for as long as she is on the board."""
    board = Group.objects.create(name="board")
    alice.groups.add(board)
    collection = create_collection(user=ada, slug="plans", name="Plans", groups={"board": "reader"})
    document = upload_document(user=ada, collection=collection, name="plan.md", data=PLAN, media_type="text/markdown")
    process_document(document_id=document.pk)
    return collection


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every prompt that a model is given."""
    prompts: list[str] = []
    render = ScriptedModel.render_chat

    def listen(self: ScriptedModel, messages: Sequence[Any]) -> str:
        prompts.append(str([message["content"] for message in messages]))
        return render(self, messages)

    monkeypatch.setattr(ScriptedModel, "render_chat", listen)
    return prompts


def close_quietly(user: User) -> None:
    """Nobody is told, so nothing else can have ended what the task finds."""
    User.objects.filter(pk=user.pk).update(is_active=False)


def leave_the_board(user: User) -> None:
    user.groups.remove(Group.objects.get(name="board"))


def test_b09_each_task_is_known_to_act_for_somebody_or_for_nobody() -> None:
    app.loader.import_default_modules()
    registered = {name for name in app.tasks if name.startswith("chatapp.")}
    assert registered == {name for names in TASKS.values() for name in names}
    assert FOR_A_PERSON.keys() | FOR_NOBODY.keys() == registered
    assert not FOR_A_PERSON.keys() & FOR_NOBODY.keys()
    assert set(FOR_A_PERSON.values()) <= globals().keys()


@pytest.mark.model
def test_b09_a_search_ends_with_the_right_and_with_the_account(alice: User, mallory: User, plans: Collection) -> None:
    def found(user: User) -> int:
        return len(search_passages(str(user.pk), QUESTION, None, 5))

    def explained(user: User) -> str:
        return str(explain_search(str(user.pk), QUESTION, [], None, 5))

    assert (found(alice), found(mallory)) == (1, 0)
    assert ("Heliotrope" in explained(alice), "Heliotrope" in explained(mallory)) == (True, False)
    leave_the_board(alice)
    assert found(alice) == 0
    assert "Heliotrope" not in explained(alice)
    assert search_passages(str(alice.pk), QUESTION, [plans.slug], 5) == []
    alice.groups.add(Group.objects.get(name="board"))
    close_quietly(alice)
    assert found(alice) == 0
    assert explained(alice) == "None"


@pytest.mark.model
@pytest.mark.parametrize("takes_away", [leave_the_board, close_quietly])
def test_b09_an_answer_rests_on_nothing_that_was_taken_away_meanwhile(
    alice: User,
    plans: Collection,
    scripted_worker: InferenceWorker,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    takes_away: Any,
) -> None:
    monkeypatch.setattr("chatapp.conversations.workers.inference.current_worker", lambda: scripted_worker)

    def ask() -> Generation:
        asked = conversations.post_message(user=alice, text=QUESTION, message_id=uuid4(), conversation_id=None)
        Generation.objects.filter(pk=asked.pk).update(collections=[plans.slug])
        return asked

    ask()
    answer_queued.apply((), throw=True)
    assert "Heliotrope" in told[-1]
    told.clear()
    later = ask()
    takes_away(alice)
    answer_queued.apply((), throw=True)
    later.refresh_from_db()
    assert "Heliotrope" not in "".join(told) + later.message.text
    assert later.status == (Status.COMPLETE if takes_away is leave_the_board else Status.QUEUED)


def test_b09_no_title_is_written_for_a_closed_account(
    alice: User, answer: Answerer, worker: InferenceWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatapp.conversations.workers.inference.current_worker", lambda: worker)
    first, second = answer(alice), answer(alice)
    do_side_work.apply((Task.TITLE, str(first.id)), throw=True)
    assert title_of(first)[1] == TitledBy.MODEL
    close_quietly(alice)
    do_side_work.apply((Task.TITLE, str(second.id)), throw=True)
    assert title_of(second)[1] == TitledBy.QUESTION
    assert SideWork.objects.count() == 1


def test_b09_a_comparison_ends_with_the_right_to_manage_it(oscar: User) -> None:
    Route.objects.create(name=Route.DEFAULT, version=make_version("serving"))
    comparison = start_comparison(oscar, "What?", "Why?", "Where?")
    prepare_comparisons.apply((), throw=True)
    asked = Generation.objects.count()
    close_quietly(oscar)
    answer_trials()
    prepare_comparisons.apply((), throw=True)
    comparison.refresh_from_db()
    assert (asked, Generation.objects.count(), comparison.state) == (4, 4, ComparisonState.FAILED)


def test_b09_no_archive_is_made_for_a_closed_account(
    alice: User, bob: User, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "default": backend}
    monkeypatch.setattr(exports, "_send", lambda _: None)
    hers, his = exports.request_export(user=alice), exports.request_export(user=bob)
    close_quietly(alice)
    for export in (hers, his):
        make_export.apply((str(export.pk),), throw=True)
    statuses = [DataExport.objects.get(pk=export.pk).status for export in (hers, his)]
    assert statuses == [ExportStatus.WAITING, ExportStatus.READY]
    assert len(list(tmp_path.rglob("exports/*"))) == 1


def test_b09_a_replay_ends_with_the_right_to_manage_policies(ada: User) -> None:
    policy = make_policy(PATTERN)
    for status in ("done", "failed"):
        keep("BLOCKME")
        started = start(ada, policy)
        if status == "failed":
            close_quietly(ada)
        replay(str(started.pk))
        started.refresh_from_db()
        assert (started.state, started.looked) == (status, 1 if status == "done" else 0)


def test_b09_nobody_tries_a_policy_without_the_right_to_make_one(ada: User, mona: User) -> None:
    words = ([PATTERN], "a BLOCKME", False)
    (found,) = try_policy(str(ada.pk), *words) or []
    assert (found["outcome"], found["spans"]) == ("found", ((2, 9),))
    assert try_policy(str(mona.pk), *words) is None
    close_quietly(ada)
    assert try_policy(str(ada.pk), *words) is None


@pytest.mark.model
def test_b09_a_gate_ends_with_the_right_to_run_one(
    scripted_worker: InferenceWorker, ada: User, oscar: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also between its questions and the load test, which another task runs."""
    monkeypatch.setattr("chatapp.conversations.workers.inference.current_worker", lambda: scripted_worker)
    oscar.groups.add(Group.objects.get_or_create(name="staff")[0])
    make_handbook(ada)
    run = run_gate(user=oscar, version=get_version_by_name("scripted"), suites=["golden", "load"])
    run_to_end(run)
    User.objects.filter(pk=oscar.pk).update(roles=["employee"], own_roles=["employee"])
    measure_gate(str(run.pk))
    sweep_gates()
    run.refresh_from_db()
    assert (run.state, run.passed, run.worker) == ("failed", None, "")
    assert not Generation.objects.filter(status=Status.QUEUED).exists()


def test_b09_an_evaluation_ends_with_the_right_to_read(plans: Collection, alice: User) -> None:
    plans.access.update(role="editor")
    index = get_serving_index()
    assert index is not None
    add_golden_question(user=alice, collection=plans, text=QUESTION, sources=[])
    before = run_evaluation(collection=plans, index=index, actor=alice)
    evaluate(str(before.pk))
    after = run_evaluation(collection=plans, index=index, actor=alice)
    leave_the_board(alice)
    evaluate(str(after.pk))
    assert [(run.state, [len(result.found) for result in run.results.all()]) for run in plans.evaluations.all()] == [
        ("failed", [0]),
        ("complete", [1]),
    ]


def test_b09_weights_go_with_the_right_of_that_moment(oscar: User, settings: Any, tmp_path: Path) -> None:
    settings.MODELS_DIR = tmp_path
    weights = tmp_path / f"{'ab' * 32}.gguf"
    weights.write_bytes(b"of nothing any more")
    oscar.own_roles, roles = [], oscar.own_roles
    User.objects.filter(pk=oscar.pk).update(roles=[], own_roles=[])
    with pytest.raises(ChatappError, match="may not do that"):
        remove_stored_weights(str(oscar.pk), [weights.stem])
    User.objects.filter(pk=oscar.pk).update(roles=roles, own_roles=roles, is_active=False)
    assert remove_stored_weights(str(oscar.pk), [weights.stem]) == []
    assert weights.exists()
    User.objects.filter(pk=oscar.pk).update(is_active=True)
    assert remove_stored_weights(str(oscar.pk), [weights.stem]) == [weights.stem]
    assert not weights.exists()
