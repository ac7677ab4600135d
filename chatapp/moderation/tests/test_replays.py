"""A version over stored exchanges: what it counts, and how it goes on after a kill, a cancel or an end of rights."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, Route
from chatapp.moderation import services
from chatapp.moderation.checks.examiner import Hit
from chatapp.moderation.checks.remote import RemoteExaminer
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.models import Action, Exchange, Replay, ReplayState, ReplayVerdict
from chatapp.moderation.replay import batches
from chatapp.moderation.replay.batches import Version, look_at
from chatapp.moderation.replay.looking import look
from chatapp.moderation.replay.selectors import FoundBy, list_exchanges_after, list_samples_for
from chatapp.moderation.services import replays as running
from chatapp.moderation.tests.replaying import PATTERN, SCORED, finish, keep, make_policy, score_in, scored_kind, start
from tests.people import PersonFactory, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with scored_kind():
        yield


def test_a_replay_counts_what_is_new_released_stricter_and_the_same(ada: User) -> None:
    active = make_policy(SCORED, activate=True)
    other = make_policy({**SCORED, "name": "other"}, name="legal", activate=True)
    keep("nothing here")
    keep("BLOCKME score=0.2")
    keep("score=0.9", policy=active)
    keep("mild", policy=active)
    keep("BLOCKME", policy=active)
    keep("of the other policy", policy=other)
    masked = keep("[removed]", policy=active, action=Action.MASK)
    draft = make_policy(PATTERN, SCORED)
    replay = finish(start(ada, draft))
    assert (replay.state, replay.looked, replay.total) == (ReplayState.DONE, 7, 7)
    outcomes = Counter(replay.figures["outcomes"])
    # Each exchange has two texts, and no check looks at questions here: seven of them are the same as before.
    assert outcomes == {"same": 7 + 3, "newly": 1, "released": 1, "stricter": 1, "unknown": 1}
    assert replay.figures["moves"] == {
        "output allow block": 1, "output flag allow": 1, "output flag block": 1, "output mask allow": 1,
    }  # fmt: skip
    assert replay.figures["found"] == {"0": 2, "1": 1}
    assert replay.figures["newly"] == {"0": 1}
    assert replay.figures["released"] == {"mood": 1}
    assert str(masked.pk) not in str(replay.figures["samples"])


def test_the_original_of_a_withheld_answer_is_what_is_judged(ada: User) -> None:
    keep("This answer was withheld.", original="the BLOCKME plan")
    replay = finish(start(ada, make_policy(PATTERN)))
    assert list(ReplayVerdict.objects.values_list("spans", "score", "is_finding")) == [([[4, 11]], None, True)]
    assert replay.figures["found"] == {"0": 1}


def test_scores_below_the_threshold_are_kept_and_counted(ada: User) -> None:
    exchange = keep("A sentence that is fine, score=0.31.\nAnother sentence that is bad, score=0.72.")
    keep("score=0.29")
    keep("calm")
    replay = finish(start(ada, make_policy(SCORED)))
    rows = ReplayVerdict.objects.order_by("score").values_list("score", "is_finding")
    assert list(rows) == [(0.29, False), (0.72, True)]
    assert ReplayVerdict.objects.get(exchange=exchange).spans == [[37, 78]]
    bins = replay.figures["scores"]["0"]
    assert (sum(bins), bins[0], bins[29], bins[72]) == (3, 1, 1, 1)


def test_scopes_hold_as_they_do_for_answers(ada: User) -> None:
    alice = make_person("alice")
    group = alice.groups.first()
    assert group is not None
    keep("BLOCKME", user=alice, route="default")
    keep("BLOCKME", route="default")
    keep("BLOCKME", user=alice, route="other")
    scoped = {**PATTERN, "groups": [group.name], "routes": ["default"]}
    outside = {**PATTERN, "name": "outside", "external_only": True}
    assert finish(start(ada, make_policy(scoped, outside))).figures["found"] == {"0": 1}


def test_a_check_that_asks_a_service_runs_only_when_it_is_asked_for(ada: User) -> None:
    keep("BLOCKME score=0.9")
    draft = make_policy(PATTERN, {**SCORED, "remote": True})
    assert finish(start(ada, draft)).figures["found"] == {"0": 1}
    assert finish(start(ada, draft, with_remote=True)).figures["found"] == {"0": 1, "1": 1}
    with pytest.raises(ChatappError, match="no check of this version can be replayed"):
        start(ada, make_policy({**SCORED, "remote": True}))
    with pytest.raises(ChatappError, match="no check of this version can be replayed"):
        start(ada, make_policy({**PATTERN, "stage": "context"}))


def test_a_text_that_may_not_leave_the_company_is_left_out(ada: User) -> None:
    version = ModelVersion.objects.create(name="small", provider="scripted", context_tokens=4096)
    Route.objects.create(name="open", version=version, may_leave_company=True)
    Route.objects.create(name="closed", version=version)
    kept, sent = keep("score=0.9", route="closed"), keep("score=0.9", route="open")
    checks = build_checks([PATTERN])
    outside = (replace(checks[0], matchers=(), examiner=Outside(seconds=1.0), threshold=0.5),)
    looks = look_at([kept, sent], Version("company", outside, with_remote=True), between=lambda: True)
    assert looks is not None
    assert [list(looks[one.pk]) for one in (kept, sent)] == [[], [0]]


def test_a_classifier_lets_people_go_before(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def embed(texts: Sequence[str], *, model: str, background: bool) -> list[list[float]]:
        asked.append(background)
        return [[0.0] * 384 for _ in texts]

    monkeypatch.setattr("chatapp.retrieval.embedding.embed_texts", embed)
    (check,) = build_checks([{"kind": "toxicity", "stage": "output", "action": "flag"}])
    (found,) = look(check, ["A sentence."])
    assert (asked, found.score is not None) == ([True], True)
    assert check.examiner is not None
    check.examiner.examine(["A sentence."])
    assert asked == [True, False]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside(RemoteExaminer):
    """Of a service that is outside of the company."""

    longest: int = 400

    def find_fault(self) -> str:
        return ""

    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        self.refuse_to_leak(ModelVersion(name="far", may_leave_company=True))
        return [[Hit(0, len(text), score=score_in(text))] for text in texts]


def test_slices_look_at_each_exchange_once_also_at_one_moment(ada: User) -> None:
    at = timezone.now() - timedelta(hours=1)
    for _ in range(50):
        keep("BLOCKME")
    Exchange.objects.update(created_at=at)
    replay = start(ada, make_policy(PATTERN))
    slices = 1
    with patch.object(running, "SLICE_SECONDS", -1.0), patch.object(running, "BATCH", 7):
        while services.continue_replay(replay_id=replay.pk):
            slices += 1
            replay.refresh_from_db()
            assert (replay.state, replay.looked, replay.lease) == (ReplayState.RUNNING, min(50, 7 * (slices - 1)), None)
    replay.refresh_from_db()
    assert (replay.state, replay.looked, slices) == (ReplayState.DONE, 50, 9)
    assert ReplayVerdict.objects.values("exchange").distinct().count() == ReplayVerdict.objects.count() == 50


def test_a_worker_that_dies_leaves_nothing_twice_and_nothing_out(ada: User) -> None:
    for number in range(30):
        keep("BLOCKME", minutes=60 + number)
    replay = start(ada, make_policy(PATTERN))
    real, calls = batches.verdict_rows, iter(range(10))

    def die_at_third(*args: object, **kwargs: object) -> object:
        if next(calls) == 2:
            raise KeyboardInterrupt  # what no `except Exception` catches, as little as a kill
        return real(*args, **kwargs)  # type: ignore[arg-type]

    with patch.object(running, "BATCH", 7), patch.object(running, "verdict_rows", die_at_third):
        with pytest.raises(KeyboardInterrupt):
            services.continue_replay(replay_id=replay.pk)
        replay.refresh_from_db()
        assert (replay.state, replay.looked, replay.figures["found"]) == (ReplayState.RUNNING, 14, {"0": 14})
        assert services.sweep_replays() == []
        assert not services.continue_replay(replay_id=replay.pk)
        Replay.objects.update(lease_until=Now() - timedelta(seconds=1))
        assert services.sweep_replays() == [replay]
        finish(replay)
    replay.refresh_from_db()
    assert (replay.state, replay.looked, replay.figures["found"]) == (ReplayState.DONE, 30, {"0": 30})
    assert ReplayVerdict.objects.values("exchange").distinct().count() == ReplayVerdict.objects.count() == 30


def test_a_slice_that_lost_its_lease_writes_nothing(ada: User) -> None:
    keep("BLOCKME")
    replay = start(ada, make_policy(PATTERN))
    real = batches.look_at

    def be_overtaken(*args: object, **kwargs: object) -> object:
        looks = real(*args, **kwargs)  # type: ignore[arg-type]
        Replay.objects.update(lease=uuid4())
        return looks

    with patch.object(running, "look_at", be_overtaken):
        assert not services.continue_replay(replay_id=replay.pk)
    replay.refresh_from_db()
    assert (replay.looked, replay.state, ReplayVerdict.objects.count()) == (0, ReplayState.RUNNING, 0)


def test_a_replay_that_kills_its_workers_fails_and_can_go_on(ada: User) -> None:
    keep("BLOCKME")
    replay = start(ada, make_policy(PATTERN))
    Replay.objects.update(state="running", attempts=3, lease_until=Now() - timedelta(seconds=1))
    assert services.sweep_replays() == []
    replay.refresh_from_db()
    assert (replay.state, replay.error_code) == (ReplayState.FAILED, "internal")
    services.resume_replay(user=ada, replay_id=replay.pk)
    assert finish(replay).state == ReplayState.DONE


def test_a_check_that_is_down_stops_the_replay_and_a_resume_goes_on(ada: User) -> None:
    keep("BLOCKME", minutes=90)
    down = keep("DOWN", minutes=60)
    replay = start(ada, make_policy(PATTERN, SCORED))
    with patch.object(running, "BATCH", 1):
        for _ in range(3):
            assert not services.continue_replay(replay_id=replay.pk)
            Replay.objects.filter(state="waiting").update(lease_until=None)
        replay.refresh_from_db()
        assert (replay.state, replay.error_code, replay.looked) == (ReplayState.FAILED, "check_down", 1)
        assert replay.figures["down"] == "mood"
        Exchange.objects.filter(pk=down.pk).update(answer="up again, score=0.9")
        services.resume_replay(user=ada, replay_id=replay.pk)
        finish(replay)
    assert (replay.state, replay.looked, replay.figures["found"]) == (ReplayState.DONE, 2, {"0": 1, "1": 1})
    assert "down" not in replay.figures


def test_a_replay_is_cancelled_and_goes_on_where_it_was(ada: User) -> None:
    for number in range(10):
        keep("BLOCKME", minutes=60 + number)
    replay = start(ada, make_policy(PATTERN))
    with patch.object(running, "SLICE_SECONDS", -1.0), patch.object(running, "BATCH", 4):
        assert services.continue_replay(replay_id=replay.pk)
        services.cancel_replay(user=ada, replay_id=replay.pk)
        assert not services.continue_replay(replay_id=replay.pk)
        replay.refresh_from_db()
        assert (replay.state, replay.looked) == (ReplayState.CANCELLED, 4)
        with pytest.raises(ChatappError) as over:
            services.cancel_replay(user=ada, replay_id=replay.pk)
        assert over.value.code == "replay_over"
        services.resume_replay(user=ada, replay_id=replay.pk)
        with pytest.raises(ChatappError) as live:
            services.resume_replay(user=ada, replay_id=replay.pk)
        assert live.value.code == "replay_not_stopped"
        finish(replay)
    assert (replay.state, replay.looked, replay.figures["found"]) == (ReplayState.DONE, 10, {"0": 10})
    actions = AuditEvent.objects.filter(action__startswith="moderation.replay").order_by("at")
    assert list(actions.values_list("action", flat=True)) == [
        f"moderation.replay_{done}" for done in ("started", "cancelled", "resumed")
    ]


def test_a_cancel_between_two_checks_is_seen(ada: User) -> None:
    keep("BLOCKME score=0.9")
    replay = start(ada, make_policy(PATTERN, SCORED))
    renew = running._Run.renew

    def cancel_then_renew(run: running._Run) -> bool:
        Replay.objects.update(state="cancelled", lease=None)
        return renew(run)

    with patch.object(running._Run, "renew", cancel_then_renew):
        assert not services.continue_replay(replay_id=replay.pk)
    assert not ReplayVerdict.objects.exists()


def test_exchanges_that_are_deleted_meanwhile_get_no_row(ada: User) -> None:
    gone, stays = keep("BLOCKME", minutes=90), keep("BLOCKME")
    replay = start(ada, make_policy(PATTERN))
    real = batches.look_at

    def delete_one(*args: object, **kwargs: object) -> object:
        looks = real(*args, **kwargs)  # type: ignore[arg-type]
        gone.delete()
        return looks

    with patch.object(running, "look_at", delete_one):
        finish(replay)
    assert (replay.state, replay.looked) == (ReplayState.DONE, 2)
    assert list(ReplayVerdict.objects.values_list("exchange", flat=True)) == [stays.pk]
    stays.delete()
    assert not ReplayVerdict.objects.exists()


def test_it_ends_with_the_right_of_who_began_it(ada: User) -> None:
    keep("BLOCKME")
    replay = start(ada, make_policy(PATTERN))
    ada.roles = ["employee"]
    ada.save()
    assert finish(replay).error_code == "replay_right"
    assert not ReplayVerdict.objects.exists()


def test_what_cannot_be_replayed_is_refused_with_a_sentence(ada: User) -> None:
    draft = make_policy(PATTERN)
    with pytest.raises(ChatappError, match="no exchange is kept"):
        start(ada, draft)
    for _ in range(3):
        keep("BLOCKME")
    now = timezone.now()
    for since, until in ((now, now - timedelta(days=1)), (now + timedelta(days=1), now + timedelta(days=2))):
        with pytest.raises(ChatappError, match="since must lie before until"):
            services.start_replay(user=ada, policy_id=draft.pk, since=since, until=until)
    with patch.object(running, "MAX_EXCHANGES", 2), pytest.raises(ChatappError, match="more than 2 exchanges"):
        start(ada, draft)
    start(ada, draft)
    second = start(ada, draft)
    with pytest.raises(ChatappError, match="2 replays wait or run"):
        start(ada, draft)
    services.cancel_replay(user=ada, replay_id=second.pk)
    start(ada, draft)
    with pytest.raises(ChatappError, match="2 replays wait or run"):
        services.resume_replay(user=ada, replay_id=second.pk)


@pytest.mark.parametrize("name,code", [("mona", "forbidden"), ("mallory", "not_found"), ("oscar", "not_found")])
def test_only_administrators_replay(ada: User, name: str, code: str) -> None:
    keep("BLOCKME")
    draft, user = make_policy(PATTERN), make_person(name)
    replay = start(ada, draft)
    acts = [
        lambda: start(user, draft),
        lambda: services.cancel_replay(user=user, replay_id=replay.pk),
        lambda: services.resume_replay(user=user, replay_id=replay.pk),
        lambda: services.draft_with_threshold(user=user, replay_id=replay.pk, check_number=0, threshold=0.5),
    ]
    for act in acts:
        with pytest.raises(ChatappError) as refused:
            act()
        assert refused.value.code == code
    replay.refresh_from_db()
    assert replay.state == ReplayState.WAITING


def test_samples_are_few_fair_and_for_reviewers(ada: User, mona: User) -> None:
    keys = [str(keep("BLOCKME").pk) for _ in range(30)]
    replay = start(ada, make_policy(PATTERN))
    with patch.object(running, "BATCH", 7):
        finish(replay)
    found = list_samples_for(mona, replay, "newly")
    assert [str(sample.exchange.pk) for sample in found] == sorted(keys)[:20]
    assert (found[0].found, found[0].flag_id) == ([FoundBy("words", "pattern", [[0, 7]])], None)
    assert list_samples_for(PersonFactory(username="olga", roles=["auditor"]), replay, "newly") == []


def test_old_replays_go_and_live_ones_stay(ada: User) -> None:
    keep("BLOCKME")
    draft = make_policy(PATTERN)
    done, live = finish(start(ada, draft)), start(ada, draft)
    Replay.objects.update(created_at=timezone.now() - timedelta(days=91))
    services.sweep_replays()
    assert list(Replay.objects.all()) == [live]
    assert not ReplayVerdict.objects.filter(replay_id=done.pk).exists()


def test_a_batch_costs_the_same_queries_however_many_it_holds(
    ada: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    alice = make_person("alice")
    keep("BLOCKME", user=alice)
    replay = start(ada, make_policy(PATTERN))
    with django_assert_num_queries(2):
        list_exchanges_after(replay, limit=20)
    for _ in range(9):
        keep("BLOCKME", user=alice)
    with django_assert_num_queries(2):
        list_exchanges_after(replay, limit=20)


def test_a_threshold_of_the_curve_makes_a_draft(ada: User) -> None:
    keep("score=0.4")
    replay = start(ada, make_policy(PATTERN, SCORED))
    draft = services.draft_with_threshold(user=ada, replay_id=replay.pk, check_number=1, threshold=0.35)
    assert (str(draft), draft.state, draft.checks[1]["threshold"]) == ("company@2", "draft", 0.35)
    assert draft.checks[0] == PATTERN
    change = draft.changes.get()
    assert change.reason == "company@1 with the threshold 0.35 for mood, chosen from a replay."
    for number, threshold in ((2, 0.5), (-1, 0.5), (1, 1.5)):
        with pytest.raises(ChatappError):
            services.draft_with_threshold(user=ada, replay_id=replay.pk, check_number=number, threshold=threshold)
