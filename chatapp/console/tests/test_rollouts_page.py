"""The pages of rollouts: the list, the form that starts one, and the story of one."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import AuditEvent, User
from chatapp.evaluation.models import Choice, Vote
from chatapp.evaluation.selectors import comparisons_of, shadow_figures
from chatapp.evaluation.tests.comparing import opened
from chatapp.inference.models import AnswerOutcome, Arm, ModelVersion, Rollout, Route, ShadowOutcome, Worker
from chatapp.inference.rollouts.judge import judge_rollout
from chatapp.inference.services.rollouts import advance_rollout, roll_back_rollout, start_rollout
from chatapp.inference.usage import ArmCost, arm_costs
from tests.people import make_person

pytestmark = pytest.mark.django_db

ClientOf = Callable[[str], Client]
LIST, NEW = "/console/rollouts/", "/console/rollouts/new/"
PAYLOAD = "<script>alert(1)</script>"


def make_version(name: str, *, state: str = "evaluated") -> ModelVersion:
    return ModelVersion.objects.create(name=name, provider="scripted", context_tokens=4096, state=state)


@pytest.fixture
def candidate() -> ModelVersion:
    """Of the default route, which `old` answers, with a worker that can do both."""
    old, new = make_version("old", state="serving"), make_version("new")
    Route.objects.create(name="default", version=old)
    now = timezone.now()
    worker = Worker.objects.create(name="inference@gpu:1", kind="inference", ready=True, started_at=now, seen_at=now)
    worker.serves.set([old, new])
    return new


@pytest.fixture
def rollout(candidate: ModelVersion) -> Rollout:
    return start_rollout(user=None, route="default", kind="canary", candidate=candidate, reason="faster")


def answer(rollout: Rollout, arm: Arm, count: int, *, failed: int = 0, users: int = 10) -> None:
    people = [make_person(f"{arm}-{uuid4().hex[:6]}") for _ in range(users)]
    version = rollout.candidate if arm == Arm.CANDIDATE else rollout.baseline
    AnswerOutcome.objects.bulk_create(
        AnswerOutcome(
            generation_id=uuid4(), user=people[number % users], version=version, rollout=rollout, arm=arm,
            route="default", status="failed" if number < failed else "complete", completion_tokens=50,
            error_code="internal" if number < failed else "", first_token_seconds=0.3, duration_seconds=1.3,
        )
        for number in range(count)
    )  # fmt: skip


def judged(rollout: Rollout) -> Rollout:
    rollout.verdict, rollout.judged_at = judge_rollout(rollout).as_dict(), timezone.now()
    rollout.save(update_fields=["verdict", "judged_at"])
    return rollout


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def page_of(client: Client, rollout: Rollout) -> str:
    return client.get(f"{LIST}{rollout.id}/").content.decode()


def press(
    client: Client, rollout: Rollout, move: str, *, stage: int = 0, target: str = "section#rollout", **fields: str
) -> Any:
    headers = {"HX-Request": "true", "HX-Target": target}
    return client.post(f"{LIST}{rollout.id}/{move}/", {"stage": str(stage), **fields}, headers=headers)


def rows(page: str) -> list[str]:
    return re.findall(r'data-testid="rollout-row" data-rollout="[^"]+" data-status="(\w+)"', page)


@pytest.mark.parametrize("name", ["alice", "mallory"])
def test_for_employees_there_are_no_rollouts(client_of: ClientOf, rollout: Rollout, name: str) -> None:
    client = client_of(name)
    for path in (LIST, NEW, f"{LIST}{rollout.id}/"):
        assert client.get(path).status_code == 404
    answers = [press(client, rollout, "roll_back"), client.post(f"{LIST}{uuid4()}/roll_back/")]
    assert [one.status_code for one in answers] == [404, 404]
    rollout.refresh_from_db()
    assert rollout.state == "running"


def test_reviewers_are_told_that_it_is_not_theirs(client_of: ClientOf, rollout: Rollout) -> None:
    client = client_of("mona")
    assert [client.get(path).status_code for path in (LIST, NEW, f"{LIST}{rollout.id}/")] == [403, 403, 403]
    assert press(client, rollout, "advance").status_code == 403


def test_an_empty_list_says_how_to_begin(client_of: ClientOf) -> None:
    page = client_of("oscar").get(LIST).content.decode()
    assert 'data-testid="rollouts-empty"' in page
    assert NEW in page


def test_what_is_live_comes_first_and_the_list_is_filtered(
    client_of: ClientOf, rollout: Rollout, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(32):
        Rollout.objects.create(
            route=rollout.route, kind="canary", baseline=rollout.baseline, candidate=make_version(f"v{number}"),
            state="rolled_back" if number % 2 else "completed", stages=rollout.stages, stage_started_at=timezone.now(),
            finished_at=timezone.now(),
        )  # fmt: skip
    client = client_of("oscar")
    with django_assert_num_queries(5):  # session, user, those that are over, their last steps, the live ones
        page = client.get(LIST).content.decode()
    assert rows(page)[0] == "running"
    assert len(rows(page)) == 31
    older = re.search(r'href="\?(cursor=[^"]+)"', page)
    assert older
    assert len(rows(client.get(f"{LIST}?{older[1].replace('&amp;', '&')}").content.decode())) == 2
    assert set(rows(client.get(f"{LIST}?state=rolled_back").content.decode())) == {"rolled_back"}
    assert rows(client.get(f"{LIST}?state=live").content.decode()) == ["running"]
    assert rows(client.get(f"{LIST}?version=v4").content.decode()) == ["completed"]
    assert "No rollout meets the filter" in client.get(f"{LIST}?route=nowhere").content.decode()


@pytest.mark.parametrize("query", ["state=lost", "route=%00", "cursor=nonsense"])
def test_a_made_up_filter_is_refused(client_of: ClientOf, rollout: Rollout, query: str) -> None:
    assert client_of("oscar").get(f"{LIST}?{query}").status_code == 400


def test_the_story_says_what_the_judge_says(client_of: ClientOf, rollout: Rollout) -> None:
    answer(rollout, Arm.BASELINE, 400, failed=4)
    answer(rollout, Arm.CANDIDATE, 80, failed=24)
    verdict = judge_rollout(judged(rollout))
    page = page_of(client_of("oscar"), rollout)
    found = next(one for one in verdict.guards if one.name == "errors")
    assert (found.state, verdict.decision) == ("worse", "roll_back")
    assert 'data-guard="errors" data-state="worse"' in page
    text = text_of(page)
    assert verdict.reason in text
    assert found.guard.show(found.candidate or 0) == "30.0 %"
    assert "Worse 1.0 % 30.0 % +29.0 points" in text
    assert "Candidate, 1 % new 80 answers of 10 people" in text
    assert page.count('data-testid="failed-answer"') == 20
    failed = AnswerOutcome.objects.filter(status="failed", arm="candidate").latest("created_at", "pk")
    assert str(failed.pk) in page


def test_each_stage_says_what_it_needs_and_has(client_of: ClientOf, rollout: Rollout) -> None:
    answer(rollout, Arm.CANDIDATE, 15)
    answer(rollout, Arm.BASELINE, 50)
    Rollout.objects.update(stage_started_at=timezone.now() - timedelta(minutes=12))
    rollout.refresh_from_db()
    page = page_of(client_of("oscar"), judged(rollout))
    assert re.findall(r'data-testid="stage" data-place="(\w+)"', page) == ["now", *["ahead"] * 4]
    assert "12 of 30 min" in text_of(page)
    assert 'aria-current="step"' in page


def test_a_person_advances_and_the_page_says_so(client_of: ClientOf, rollout: Rollout) -> None:
    client = client_of("oscar")
    done = press(client, rollout, "advance", reason="looks good")
    assert done.status_code == 200
    assert json.loads(done["HX-Trigger"])["toast"]["text"] == "new answers 5 % of the people on default from now on."
    page = done.content.decode()
    assert 'id="console-status"' in page
    assert re.findall(r'data-testid="rollout-step" data-action="(\w+)"', page) == ["advanced", "started"]
    assert "looks good" in page
    assert "by oscar" in text_of(page)
    event = AuditEvent.objects.get(action="inference.rollout_advanced")
    assert (event.actor, event.object_id) == (User.objects.get(username="oscar"), str(rollout.id))
    history = client_of("ada").get(f"{LIST}{rollout.id}/").content.decode()
    assert f"/console/audit/?object_id={rollout.id}" in history


def test_what_moved_meanwhile_is_not_moved_again(client_of: ClientOf, rollout: Rollout) -> None:
    advance_rollout(user=None, rollout=rollout)
    refused = press(client_of("oscar"), rollout, "advance", stage=0)
    assert refused.status_code == 409
    assert "Somebody else has changed this meanwhile" in refused.content.decode()
    rollout.refresh_from_db()
    assert rollout.stage == 1


def test_a_button_of_the_list_answers_with_its_row(client_of: ClientOf, rollout: Rollout) -> None:
    done = press(client_of("oscar"), rollout, "roll_back", target=f"article#rollout-{rollout.id}")
    assert rows(done.content.decode()) == ["rolled_back"]
    assert "<html" not in done.content.decode()
    again = press(client_of("oscar"), rollout, "hold", target=f"article#rollout-{rollout.id}")
    assert again.status_code == 409
    assert 'data-testid="error"' in again.content.decode()


def test_without_a_script_the_page_comes_back(client_of: ClientOf, rollout: Rollout) -> None:
    done = client_of("oscar").post(f"{LIST}{rollout.id}/hold/", {"stage": "0"}, follow=True)
    assert "The rollout is held at 1 %." in done.content.decode()


@pytest.mark.parametrize(
    "move,fields,status",
    [
        ("explode", {}, 404),
        ("advance", {"stage": ""}, 400),
        ("advance", {"stage": "-1"}, 400),
        ("advance", {"stage": "9" * 400}, 400),
        ("hold", {"reason": "x" * 501}, 400),
        ("hold", {"reason": "\0"}, 400),
    ],
)
def test_malformed_moves_change_nothing(
    client_of: ClientOf, rollout: Rollout, move: str, fields: dict[str, str], status: int
) -> None:
    assert press(client_of("oscar"), rollout, move, **{"stage": 0, **fields}).status_code == status  # type: ignore[arg-type]
    rollout.refresh_from_db()
    assert (rollout.state, rollout.stage) == ("running", 0)


def test_a_rolled_back_one_tells_why_and_offers_nothing(client_of: ClientOf, rollout: Rollout) -> None:
    answer(rollout, Arm.BASELINE, 400, failed=4)
    answer(rollout, Arm.CANDIDATE, 80, failed=24)
    verdict = judge_rollout(rollout)
    roll_back_rollout(user=None, rollout=rollout, reason=verdict.reason, figures=verdict.as_dict())
    page = page_of(client_of("oscar"), rollout)
    text = text_of(page)
    assert "Rolled back at 1 % by the judge." in text
    assert text.count(verdict.reason) == 2  # At the top, and in what happened.
    assert "Figures then" in text
    assert 'data-testid="rollout-rollback"' not in page
    assert "data-poll" not in page
    assert "stopped here" in text


def test_the_page_takes_the_same_number_of_queries_however_long_the_story_is(
    client_of: ClientOf, rollout: Rollout, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(4):
        rollout = advance_rollout(user=None, rollout=rollout)
    answer(rollout, Arm.CANDIDATE, 50, failed=30)
    judged(rollout)
    client = client_of("oscar")
    with django_assert_num_queries(7):  # session, user, the rollout, its steps, what failed, comparisons, costs
        client.get(f"{LIST}{rollout.id}/", headers={"HX-Request": "true"})


def test_hostile_names_and_reasons_are_text(client_of: ClientOf, candidate: ModelVersion) -> None:
    hostile = make_version(PAYLOAD)
    Worker.objects.get().serves.add(hostile)
    made = start_rollout(user=None, route="default", kind="canary", candidate=hostile, reason=PAYLOAD)
    client = client_of("oscar")
    for path in (LIST, f"{LIST}{made.id}/", f"{NEW}?candidate={PAYLOAD}", "/console/"):
        assert PAYLOAD not in client.get(path).content.decode()


def test_a_shadow_shows_its_unseen_answers_and_no_share(client_of: ClientOf, candidate: ModelVersion) -> None:
    shadow = start_rollout(user=None, route="default", kind="shadow", candidate=candidate)
    usual = {"completion_tokens": 40, "first_token_seconds": 1.0, "duration_seconds": 3.0}
    for number in range(30):
        key, person = uuid4(), make_person(f"person-{number % 6}") if number < 6 else None
        AnswerOutcome.objects.create(generation_id=key, user=person, rollout=shadow, status="complete", **usual)
        state = "complete" if number % 3 else "failed"
        ShadowOutcome.objects.create(generation_id=key, user=person, rollout=shadow, state=state, **usual)
    page = page_of(client_of("oscar"), shadow)
    assert "Both answered 20 Candidate failed 10" in text_of(page)
    found = next(one for one in shadow_figures(shadow).guards if one.name == "errors")
    assert f'data-guard="errors" data-state="{found.state}"' in page
    assert found.guard.show(found.candidate or 0) == "33.3 %"
    assert "33.3 %" in page
    assert 'data-testid="arm"' not in page
    assert 'data-testid="rollout-end"' in page
    assert 'data-testid="rollout-complete"' not in page


def test_votes_of_a_blind_comparison_are_the_candidates(client_of: ClientOf, rollout: Rollout) -> None:
    ada = make_person("ada")
    comparison = opened(ada, "One?", "Two?", "Three?", first=rollout.baseline, second=rollout.candidate)
    for voter in ("alice", "bob", "carol"):
        for pair in comparison.pairs.all():
            Vote.objects.create(
                pair=pair, voter=make_person(f"{voter}-{pair.ordinal}"), choice=Choice.SECOND, first_was_left=True
            )
    wins = comparisons_of(rollout)[0].wins
    text = text_of(page_of(client_of("oscar"), rollout))
    assert wins.rate == 1.0
    assert f"The candidate wins 100 % {100 * (wins.low or 0):.0f} % to 100 %" in text
    assert "9 votes of 9 people on 3 questions, open" in text


# The form.


def form_of(page: str) -> dict[str, Any]:
    """What a browser would post of the form as it stands."""
    fields: dict[str, Any] = {}
    for name, value in re.findall(r'<input (?:class="input" )?(?:id="[^"]*" )?name="([\w]+)" value="([^"]*)"', page):
        fields.setdefault(name, []).append(value)
    fields["kind"] = re.findall(r'name="kind" value="(\w+)"[^>]*checked', page)
    fields["guard"] = re.findall(r'name="guard" value="(\w+)"[^>]*checked', page)
    fields["route"] = re.findall(r'<option value="([^"]*)" selected>[^<]*, answered by', page)
    fields["kind_before"] = fields["kind"]
    fields["has_pilot"] = re.findall(r'name="has_pilot" value="1"[^>]*checked', page) and ["1"]
    return fields


def test_the_form_as_it_stands_starts_a_canary(client_of: ClientOf, candidate: ModelVersion) -> None:
    client = client_of("oscar")
    fields = form_of(client.get(f"{NEW}?candidate=new").content.decode())
    done = client.post(NEW, {**fields, "candidate": "new", "reason": "faster", "action": "save"}, follow=True)
    made = Rollout.objects.get()
    assert made.stages == start_stages()
    assert (made.kind, made.candidate, made.reason, made.alpha, made.has_pilot) == (
        "canary", candidate, "faster", 0.05, True,
    )  # fmt: skip
    assert made.guards["errors"] == {"tolerance": 0.1}
    assert len(made.guards) == 8
    assert "The rollout of new has begun." in done.content.decode()


def start_stages() -> list[dict[str, float]]:
    from chatapp.inference.rollouts.plans import parse_stages

    return parse_stages("canary")


def test_what_the_form_holds_is_what_begins(client_of: ClientOf, candidate: ModelVersion) -> None:
    posted = {
        "route": "default", "candidate": "new", "kind": "canary", "kind_before": "canary",
        "stage_share": ["2.5", "100", ""], "stage_min_answers": ["40", "", ""], "stage_min_minutes": ["0", "1.5", ""],
        "guard": ["errors", "flags"], "tolerance_errors": "50", "tolerance_flags": "0", "tolerance_speed": "20",
        "alpha": "1", "action": "save",
    }  # fmt: skip
    client_of("oscar").post(NEW, posted)
    made = Rollout.objects.get()
    assert made.stages == [
        {"share": 2.5, "min_answers": 40, "min_minutes": 0}, {"share": 100, "min_answers": 0, "min_minutes": 1.5},
    ]  # fmt: skip
    assert made.guards["errors"] == {"tolerance": 0.5}
    assert (made.alpha, made.has_pilot) == (0.01, False)


def test_a_version_without_a_gate_asks_for_a_reason_and_keeps_it(client_of: ClientOf, candidate: ModelVersion) -> None:
    ModelVersion.objects.filter(pk=candidate.pk).update(state="verified")
    client = client_of("oscar")
    page = client.get(f"{NEW}?candidate=new").content.decode()
    assert 'data-testid="rollout-override-section"' in page
    posted = {**form_of(page), "candidate": "new", "action": "save"}
    refused = client.post(NEW, posted)
    assert (refused.status_code, Rollout.objects.count()) == (400, 0)
    assert "new has passed no release gate" in refused.content.decode()
    client.post(NEW, {**posted, "override": "the gate cannot know these documents"})
    assert Rollout.objects.get().override_reason == "the gate cannot know these documents"
    assert AuditEvent.objects.filter(action="inference.gate_overridden").exists()


def test_rows_are_added_and_removed_and_nothing_is_lost(client_of: ClientOf, candidate: ModelVersion) -> None:
    client = client_of("oscar")
    posted = {**form_of(client.get(NEW).content.decode()), "candidate": "new", "reason": "kept"}
    added = client.post(NEW, {**posted, "action": "add-stage"}).content.decode()
    assert added.count('data-testid="rollout-stage"') == 6
    removed = client.post(NEW, {**posted, "action": "remove-stage-0"}).content.decode()
    assert removed.count('data-testid="rollout-stage"') == 4
    assert 'value="kept"' in removed
    assert client.post(NEW, {**posted, "action": "remove-stage-99"}).status_code == 400


def test_another_kind_brings_its_own_stages(client_of: ClientOf, candidate: ModelVersion) -> None:
    client = client_of("oscar")
    posted = {**form_of(client.get(NEW).content.decode()), "candidate": "new", "action": "preview"}
    switched = client.post(NEW, {**posted, "kind": "blue_green"}).content.decode()
    assert switched.count('data-testid="rollout-stage"') == 1
    assert "100 % of the people on default get new" in text_of(switched)
    shadow = client.post(NEW, {**posted, "kind": "shadow"}).content.decode()
    assert 'data-testid="rollout-stage"' not in shadow
    assert "Nobody sees that." in shadow
    client.post(NEW, {**form_of(shadow), "kind": "shadow", "candidate": "new", "action": "save"})
    assert Rollout.objects.get().kind == "shadow"


@pytest.mark.parametrize(
    "change",
    [
        {"stage_share": ["many"], "stage_min_answers": ["1"], "stage_min_minutes": ["1"]},
        {"stage_share": ["nan"], "stage_min_answers": ["1"], "stage_min_minutes": ["1"]},
        {"stage_share": ["50"], "stage_min_answers": ["1e400"], "stage_min_minutes": ["1"]},
        {"stage_share": ["50", "5"], "stage_min_answers": ["1", "1"], "stage_min_minutes": ["1", "1"]},
        {"stage_share": [], "stage_min_answers": [], "stage_min_minutes": []},
        {"alpha": "inf"},
        {"tolerance_errors": "-1"},
        {"guard": []},
        {"pilot_group": "nobody knows it"},
        {"pilot_group": "\0"},
        {"kind": "magic", "kind_before": "magic"},
        {"route": "nowhere"},
        {"candidate": "nobody"},
        {"candidate": ""},
        {"candidate": "old"},
        {"reason": "x" * 600},
    ],
)
def test_what_makes_no_sense_is_said_and_stays_in_the_form(
    client_of: ClientOf, candidate: ModelVersion, change: dict[str, Any]
) -> None:
    client = client_of("oscar")
    posted = {**form_of(client.get(NEW).content.decode()), "candidate": "new", "override": "", "action": "save"}
    refused = client.post(NEW, {**posted, **change})
    assert refused.status_code == 400
    assert "The rollout has not begun." in refused.content.decode()
    assert Rollout.objects.count() == 0


def test_the_form_begins_with_a_route_that_is_free(client_of: ClientOf, rollout: Rollout) -> None:
    Route.objects.create(name="quiet", version=rollout.baseline)
    page = client_of("oscar").get(NEW).content.decode()
    assert re.findall(r'<option value="(\w+)" selected>[^<]*, answered by', page) == ["quiet"]
    named = client_of("oscar").get(f"{NEW}?route=default").content.decode()
    assert re.findall(r'<option value="(\w+)" selected>[^<]*, answered by', named) == ["default"]


def test_a_second_rollout_on_a_route_is_refused(client_of: ClientOf, rollout: Rollout) -> None:
    make_version("third")
    client = client_of("oscar")
    page = client.get(f"{NEW}?route=default").content.decode()
    assert "a rollout of new runs" in page
    refused = client.post(NEW, {**form_of(page), "candidate": "third", "action": "save"})
    assert "A rollout of new runs on the route default." in refused.content.decode()


def test_what_an_answer_of_each_arm_costs_is_told_where_it_costs(client_of: ClientOf, rollout: Rollout) -> None:
    client = client_of("oscar")
    answer(rollout, Arm.BASELINE, 4)
    answer(rollout, Arm.CANDIDATE, 3)
    assert "of cost an answer" not in page_of(client, rollout)
    AnswerOutcome.objects.filter(arm=Arm.CANDIDATE).update(cost="0.02", prompt_tokens=100)
    AnswerOutcome.objects.filter(pk=AnswerOutcome.objects.filter(arm=Arm.CANDIDATE)[:1]).update(cost="0.03")
    for excluded in ({"is_trial": True}, {"is_cached": True}, {"is_fallback": True}):
        fields = {"rollout": rollout, "arm": Arm.CANDIDATE, "status": "complete", "cost": 9, **excluded}
        AnswerOutcome.objects.create(generation_id=uuid4(), **fields)
    assert arm_costs(rollout)[Arm.CANDIDATE] == ArmCost(3, 450, Decimal("0.07"))
    page = text_of(page_of(client, rollout))
    assert "0.00 of cost an answer" in page
    assert "0.023333 of cost an answer" in page
