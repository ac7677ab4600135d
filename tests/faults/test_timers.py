"""F07 and F36: what a user keeps when the timer is dead or doubled, and when a model's file is not what it says."""

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from chatapp.runtime.files import CHECKOUT
from tests.faults.conftest import Prove
from tests.faults.scene import Scene
from tests.faults.watching import numbers_in

pytestmark = pytest.mark.faults
_REGISTER = """
from chatapp.inference import services
services.register_version(
    user=None, name="{name}", provider="llama_cpp", context_tokens=2048, sha256="{sha256}"
)
"""
_SERVE = """
from chatapp.errors import ChatappError
from chatapp.inference import selectors, services
try:
    services.set_serving_version(user=None, version=selectors.get_version_by_name("{name}"))
except ChatappError as error:
    print("refused:", error.message)
"""
# By then every worker has looked for its file.
_LOOKED_AT = "SELECT 1 FROM inference_modelversion WHERE name = %s AND created_at < now() - interval '20 seconds'"


@pytest.mark.fault("F36")
def test_without_beat_and_with_two_of_them_a_lost_answer_is_found(scene: Scene, prove: Prove, tmp_path: Path) -> None:
    sent = scene.alice.send("rate=20 tokens=2000")
    scene.wait_shown(sent, 10)
    beat = scene.stack.kill("beat")
    scene.stack.kill("inference")
    assert scene.wait_status(sent, "interrupted")["text"]
    scene.stack.wait_restarted("beat", beat)
    command = [sys.executable, "-m", "celery", "-A", "chatapp", "beat", "-s", str(tmp_path / "schedule"), "--pidfile="]
    second = subprocess.Popen(
        command, cwd=CHECKOUT, env=scene.stack.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        again = scene.alice.retry(sent)
        scene.alice.stop(again)
        whole = scene.bob.send("rate=20 tokens=60")
        assert numbers_in(scene.wait_status(whole, "complete")["text"]) == list(range(60))
        prove("worker_lost")
    finally:
        second.terminate()
        second.wait(60)


@pytest.mark.fault("F07")
def test_a_version_without_its_file_is_refused_and_users_stay_on_the_one_before(scene: Scene, prove: Prove) -> None:
    broken = f"broken-{uuid4()}"
    scene.stack.manage("shell", "-c", _REGISTER.format(name=broken, sha256=uuid4().hex * 2))
    scene.wait_for(lambda: scene.stack.rows(_LOOKED_AT, broken), 90)
    try:
        assert "refused:" in scene.stack.manage("shell", "-c", _SERVE.format(name=broken))
    finally:
        scene.stack.serve("scripted")
    sent = scene.alice.send("rate=200 tokens=20")
    assert numbers_in(scene.wait_status(sent, "complete")["text"]) == list(range(20))
    prove()
