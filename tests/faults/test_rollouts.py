"""F37 and E13: twenty people chat while the judge takes a bad candidate back, and brings a good one to everybody."""

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import User, at_browser
from tests.faults.client import wait
from tests.faults.conftest import Prove
from tests.faults.crowd import Crowd
from tests.faults.scene import Scene
from tests.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
# Where the story is recorded, picture by picture.
PICTURES = Path("test-results") / "rollout"
# Small, so that twenty people are enough; nobody waits for hours.
STAGES = [
    {"share": 5, "min_answers": 20, "min_minutes": 0},
    {"share": 25, "min_answers": 2000, "min_minutes": 0},
    {"share": 100, "min_answers": 2000, "min_minutes": 0},
]
SHORT_STAGES = [{**stage, "min_answers": 30} for stage in STAGES]
# A version that writes numbers knows no facts; it is let through by marks of its own.
LOW_MARKS = {"facts": 0, "citations": 0, "refusals": 0, "safety": 0}
PILOT, PILOTS = "pilot", 4
MINUTES = 60
_ARMS = """
    SELECT g.user_id, v.name FROM conversations_generation g JOIN inference_modelversion v ON v.id = g.version_id
    JOIN inference_rollout r ON r.id = g.rollout_id
    WHERE r.id = %s AND (r.finished_at IS NULL OR g.claimed_at < r.finished_at) ORDER BY g.user_id, g.claimed_at
"""
# A question that is claimed while the step is being committed still has the candidate; 5 s are allowed.
_AFTER = """
    SELECT DISTINCT v.name FROM conversations_generation g JOIN inference_modelversion v ON v.id = g.version_id
    JOIN inference_rollout r ON r.id = %s WHERE g.claimed_at > r.finished_at + interval '1 second'
"""
_VERSION = """
    SELECT v.name FROM conversations_generation g JOIN inference_modelversion v ON v.id = g.version_id WHERE g.id = %s
"""
_OVERRIDES = "SELECT reason FROM accounts_auditevent WHERE action = 'inference.gate_overridden'"


class Api:
    """Calls of the API as one person."""

    def __init__(self, stack: Stack, username: str) -> None:
        key = stack.manage("create_api_key", username).split()[-1]
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(base_url=f"{stack.base_url}/api/v1/", headers=headers, timeout=60)

    def __call__(self, method: str, path: str, *, status: int = 0, **body: Any) -> Any:
        response = self.http.request(method, path, json=body or None)
        assert response.status_code == status if status else response.status_code < 300, response.text
        return response.json()

    def clone(self, name: str, system_prompt: str) -> dict[str, Any]:
        """A copy of the scripted version that writes otherwise."""
        scripted = next(v for v in self("GET", "model-versions?limit=50")["items"] if v["name"] == "scripted")
        made = self(
            "POST", f"model-versions/{scripted['id']}/clone", name=name, changes={"system_prompt": system_prompt}
        )
        path = f"model-versions/{made['id']}"
        return self._wait(MINUTES, path, lambda version: version["state"] == "verified")

    def run_gate(self, version: str, **body: Any) -> dict[str, Any]:
        run = self("POST", "evaluations", kind="gate", version=version, **body)["id"]
        return self._wait(300, f"evaluations/{run}", lambda gate: gate["status"] in {"complete", "failed"})

    def wait_over(self, rollout: str) -> dict[str, Any]:
        return self._wait(600, f"rollouts/{rollout}", lambda found: found["finished_at"])

    def _wait(self, seconds: float, path: str, is_met: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        def probe() -> dict[str, Any] | None:
            found: dict[str, Any] = self("GET", path)
            return found if is_met(found) else None

        found: dict[str, Any] = wait(seconds, probe)
        return found


@pytest.fixture
def oscar(scene: Scene) -> Iterator[Api]:
    """The operator; the default route is the scripted version's again when he is done."""
    api = Api(scene.stack, "oscar")
    yield api
    api.http.close()
    scene.stack.serve("scripted")


@pytest.fixture
def operator(browser: Browser, scene: Scene) -> Iterator[User]:
    with at_browser(browser, scene.stack) as user:
        user.sign_in("oscar")
        yield user
        assert user.complaints == []


@pytest.mark.fault("F37")
def test_f37_the_judge_rolls_a_bad_candidate_back_while_people_chat(
    scene: Scene, oscar: Api, operator: User, prove: Prove
) -> None:
    bad = oscar.clone("fails-every-fifth", "fail_every=5 rate=500")["name"]
    gate = oscar.run_gate(bad)
    assert (gate["status"], gate["passed"]) == ("complete", False)
    crowd = Crowd(scene, pilots=PILOTS, pilot=PILOT)
    plan = {"kind": "canary", "candidate": bad, "stages": STAGES, "pilot_group": PILOT}
    assert oscar("POST", "rollouts", status=409, **plan)["code"] == "not_evaluated"
    why = "The scripted model knows no documents."
    rollout = oscar("POST", "rollouts", override=why, **plan)["id"]
    assert (why,) in scene.stack.rows(_OVERRIDES)
    operator.open(f"/console/rollouts/{rollout}/")
    crowd.begin()
    # Of so few people at 5 % the judge could not say, and would leave it to a person.
    oscar("POST", f"rollouts/{rollout}/advance", reason="Twenty people are a small company.", from_stage=0)
    now = operator.page.locator("[data-testid=stage][data-place=now]")
    expect(now).to_contain_text("25", timeout=20_000)  # By itself: nobody loads the page again.
    picture(operator.page, "at-25-percent")
    running = crowd.guests[0].person.send("rate=20 tokens=600 fail_every=0")  # Of the pilot: the candidate answers.
    ended = oscar.wait_over(rollout)
    crowd.rest()

    assert (ended["state"], ended["share"]) == ("rolled_back", 0)
    assert [(step["action"], step["by"]) for step in ended["steps"]] == [
        ("started", "oscar"),
        ("advanced", "oscar"),
        ("rolled_back", None),
    ]
    reason = ended["steps"][-1]["reason"]
    assert reason.startswith("Errors")
    story = operator.page.get_by_test_id("rollout")
    expect(story).to_have_attribute("data-status", "rolled_back", timeout=20_000)
    expect(story).to_contain_text(reason)
    expect(story.get_by_test_id("rollout-override")).to_have_text(why)
    expect(operator.page.get_by_test_id("rollout-step")).to_have_count(3)
    picture(operator.page, "rolled-back")
    assert scene.stack.rows(_VERSION, running.generation) == [(bad,)]  # What ran when it went back has gone on.
    assert scene.wait_status(running, "complete", "stopped")["error_code"] == ""
    assert scene.stack.rows(_AFTER, rollout) == [("scripted",)]
    assert sum(guest.broken for guest in crowd.guests) > 0
    assert_one_change_of_arm_at_most(scene, rollout, candidate=bad)
    crowd.assert_everybody_was_answered()
    crowd.thin(3)
    prove()


@pytest.mark.fault("F37")
def test_f37_a_good_candidate_comes_to_everybody(scene: Scene, oscar: Api, operator: User, prove: Prove) -> None:
    good = oscar.clone("as-good", "rate=500 It is as good as the other one.")["name"]
    gate = oscar.run_gate(good, marks=LOW_MARKS)
    assert (gate["status"], gate["passed"]) == ("complete", True)
    crowd = Crowd(scene, pilots=PILOTS, pilot=PILOT)
    plan = {"kind": "canary", "candidate": good, "stages": SHORT_STAGES, "pilot_group": PILOT}
    rollout = oscar("POST", "rollouts", **plan)["id"]
    operator.open(f"/console/rollouts/{rollout}/")
    crowd.begin()
    ended = oscar.wait_over(rollout)
    crowd.rest()
    assert (ended["state"], ended["share"]) == ("completed", 100)
    assert [(step["action"], step["by"]) for step in ended["steps"]] == [
        ("started", "oscar"),
        ("advanced", None),
        ("advanced", None),
        ("completed", None),
    ]
    assert oscar("GET", "routes/default")["version"] == good
    expect(operator.page.get_by_test_id("rollout")).to_have_attribute("data-status", "completed", timeout=20_000)
    picture(operator.page, "completed")
    assert_one_change_of_arm_at_most(scene, rollout, candidate=good)
    crowd.assert_everybody_was_answered()
    crowd.thin(3)
    prove()


def assert_one_change_of_arm_at_most(scene: Scene, rollout: str, *, candidate: str) -> None:
    """From the baseline to the candidate, when the share grew: never back, and never a second time."""
    rows = scene.stack.rows(_ARMS, rollout)
    paths = [[name for name, _ in groupby(own, key=lambda row: row[1])] for _, own in groupby(rows, lambda row: row[0])]
    assert len(paths) >= len(scene.guests)
    assert [path for path in paths if path not in (["scripted"], [candidate], ["scripted", candidate])] == []
    assert any(candidate in path for path in paths)


def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
