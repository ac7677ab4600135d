"""What the soak does to the running product: each brings one fault about, and takes it away where it does not pass."""

import signal
import time
from collections.abc import Callable

from tests.faults.scene import Scene

FREEZE_SECONDS = 15
AWAY_SECONDS = 30
SLOW_SECONDS = 20


def kill_worker(scene: Scene) -> None:
    scene.stack.wait_restarted("inference", scene.stack.kill("inference"), 120)


def deploy_worker(scene: Scene) -> None:
    scene.stack.wait_restarted("inference", scene.stack.kill("inference", signal.SIGTERM), 120)


def freeze_worker(scene: Scene) -> None:
    scene.stack.kill("inference", signal.SIGSTOP)
    time.sleep(FREEZE_SECONDS)
    scene.stack.kill("inference", signal.SIGCONT)


def restart_valkey(scene: Scene) -> None:
    scene.stack.end("valkey")
    scene.stack.begin("valkey")


def take_valkey_away(scene: Scene) -> None:
    scene.stack.end("valkey")
    time.sleep(AWAY_SECONDS)
    scene.stack.begin("valkey")


def fill_valkey(scene: Scene) -> None:
    scene.stack.valkey().config_set("maxmemory", 1)
    time.sleep(SLOW_SECONDS)
    scene.stack.valkey().config_set("maxmemory", "512mb")


def restart_postgres(scene: Scene) -> None:
    scene.stack.end("postgres")
    scene.stack.begin("postgres")


def slow_postgres(scene: Scene) -> None:
    scene.stack.proxies["postgres"].delay = 0.05
    time.sleep(SLOW_SECONDS)
    scene.stack.proxies["postgres"].restore()


def kill_web(scene: Scene) -> None:
    scene.stack.wait_restarted("web", scene.stack.kill("web"), 120)


def deploy_web(scene: Scene) -> None:
    scene.stack.wait_restarted("web", scene.stack.kill("web", signal.SIGTERM), 120)


def flap_network(scene: Scene) -> None:
    for _ in range(4):
        scene.stack.proxies["web"].cut()
        time.sleep(2)
        scene.stack.proxies["web"].restore()
        time.sleep(2)


def kill_beat(scene: Scene) -> None:
    scene.stack.wait_restarted("beat", scene.stack.kill("beat"), 120)


HURTING: dict[str, Callable[[Scene], None]] = {
    "F01": kill_worker,
    "F03": deploy_worker,
    "F04": freeze_worker,
    "F09": restart_valkey,
    "F10": take_valkey_away,
    "F11": fill_valkey,
    "F13": restart_postgres,
    "F15": slow_postgres,
    "F16": kill_web,
    "F17": deploy_web,
    "F19": flap_network,
    "F36": kill_beat,
}
