"""Policies' states and replays through the API: who may, what is malformed, and what comes back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.api.tests.conftest import Api, assert_problem
from chatapp.api.tests.test_resources import post
from chatapp.moderation.models import Replay
from chatapp.moderation.policy import active_policies
from chatapp.moderation.tests.replaying import PATTERN, SCORED, finish, keep, make_policy, scored_kind

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kind() -> Iterator[None]:
    with scored_kind():
        yield


def period(**more: object) -> dict[str, object]:
    return {"since": (timezone.now() - timedelta(days=1)).isoformat(), "until": timezone.now().isoformat(), **more}


def test_a_policy_goes_from_state_to_state(ada: User, mona: User, mallory: User, api: Api) -> None:
    path = f"/api/v1/policies/{make_policy(PATTERN).pk}"
    shadow = post(api(ada), f"{path}/state", {"state": "shadow", "reason": "Try it."}).json()
    assert (shadow["state"], shadow["active"]) == ("shadow", False)
    assert post(api(ada), f"{path}/state", {"state": "active", "reason": "It is fine."}).json()["active"] is True
    assert active_policies().version == "company@1"
    assert_problem(post(api(ada), f"{path}/state", {"state": "shadow", "reason": "Back."}), 409, "policy_state")
    assert_problem(post(api(ada), f"{path}/state", {"state": "gone", "reason": "x"}), 400, "invalid")
    assert_problem(post(api(ada), f"{path}/state", {"state": "retired", "reason": " "}), 400, "invalid")
    assert_problem(post(api(ada), f"{path}/rollback", {"reason": "Worse."}), 409, "policy_first")
    assert api(mona).get(path).json()["version"] == "company@1"
    assert_problem(api(mallory).get(path), 404, "not_found")
    for person in (mona, mallory):
        assert_problem(post(api(person), f"{path}/state", {"state": "retired", "reason": "x"}), 403, "forbidden")
        assert_problem(post(api(person), f"{path}/rollback", {"reason": "x"}), 403, "forbidden")
    second = make_policy(SCORED, activate=True)
    back = post(api(ada), f"/api/v1/policies/{second.pk}/rollback", {"reason": "Worse."})
    assert (back.json()["version"], active_policies().version) == ("company@1", "company@1")


def test_a_replay_is_started_followed_cancelled_and_resumed(ada: User, mona: User, mallory: User, api: Api) -> None:
    keep("BLOCKME score=0.7")
    draft = make_policy(PATTERN, SCORED)
    path = f"/api/v1/policies/{draft.pk}/replay"
    response = post(api(ada), path, period())
    assert response.status_code == 202
    started = response.json()
    assert (started["state"], started["total"], started["looked"]) == ("waiting", 1, 0)
    one = f"{path}/{started['id']}"
    assert post(api(ada), f"{one}/cancel", {}).json()["state"] == "cancelled"
    assert_problem(post(api(ada), f"{one}/cancel", {}), 409, "replay_over")
    assert post(api(ada), f"{one}/resume", {}).json()["state"] == "waiting"
    finish(Replay.objects.get(pk=started["id"]))
    shown = api(mona).get(one).json()
    assert (shown["state"], shown["looked"]) == ("done", 1)
    assert shown["outcomes"] == {"newly": 1, "same": 1}
    first, second = shown["checks"]
    assert (first["name"], first["found"], first["newly"], first["curve"]) == ("words", 1, 1, [])
    assert [point["texts"] for point in second["curve"] if point["threshold"] in {0.5, 0.7, 0.75}] == [1, 1, 0]
    assert (second["decisions"], second["precision"]) == (0, None)
    assert [item["id"] for item in api(mona).get(path).json()["items"]] == [started["id"]]
    assert "BLOCKME" not in str(shown)
    assert_problem(api(mallory).get(one), 404, "not_found")
    assert_problem(api(mallory).get(path), 404, "not_found")
    other = make_policy(PATTERN, name="other")
    assert_problem(api(mona).get(f"/api/v1/policies/{other.pk}/replay/{started['id']}"), 404, "not_found")
    assert_problem(api(mona).get(f"{path}/{uuid4()}"), 404, "not_found")
    for act in ("cancel", "resume"):
        assert_problem(post(api(mona), f"{one}/{act}", {}), 403, "forbidden")
        assert_problem(post(api(mallory), f"{one}/{act}", {}), 404, "not_found")
    for person in (mona, mallory):
        assert_problem(post(api(person), path, period()), 403, "forbidden")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"since": "yesterday", "until": "now"},
        {"since": "2026-01-01T00:00:00", "until": "2026-01-02T00:00:00"},
        {"since": "9999-12-31T23:59:59Z", "until": "2026-01-02T00:00:00Z"},
        {"since": "0001-01-01T00:00:00+14:00", "until": "0001-01-02T00:00:00+14:00"},
        {"since": 1e300, "until": 1e300},
    ],
)
def test_a_malformed_period_is_refused(ada: User, api: Api, body: dict[str, Any]) -> None:
    keep("BLOCKME")
    response = post(api(ada), f"/api/v1/policies/{make_policy(PATTERN).pk}/replay", body)
    assert_problem(response, 400, "invalid")
    assert not Replay.objects.exists()
