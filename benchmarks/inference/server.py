"""llama-server, read over HTTP as any client would, at as little cost as Python can."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator, Sequence

from benchmarks.inference.chats import Answered, Chat, Totals, play
from benchmarks.inference.local import Setup, Steps

_SECONDS_TO_START = 120
_EVENT = b"data: "


def find_server() -> str | None:
    return os.environ.get("LLAMA_SERVER") or shutil.which("llama-server")


class LlamaServer:
    def __init__(self, binary: str, setup: Setup, *, arguments: Sequence[str]) -> None:
        self._arguments = " ".join(arguments)
        self._port = _free_port()
        command = [binary, "-m", str(setup.path), "--port", str(self._port), "-np", str(setup.slots)]
        command += ["-c", str(setup.slots * setup.context_per_slot), "-ngl", str(setup.gpu_layers), *arguments]
        command += ["-t", str(setup.threads), "-tb", str(setup.threads), "--threads-http", str(setup.slots + 2)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self._process.pid
        try:
            self._wait_until_healthy()
        except RuntimeError:
            self.close()
            raise

    def play(self, chats: Sequence[Chat]) -> tuple[list[Answered], Steps]:
        return play(chats, self._ask), Steps()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _ask(self, prompt: str, tokens: int, scope: str, totals: Totals) -> Generator[str, None, None]:
        del scope  # it has no such thing: any chat may continue on the tokens of any other
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        body = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "ignore_eos": True, "stream": True}
        try:
            connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                raise RuntimeError(f"llama-server answered {response.status}: {response.read(500)!r}")
            for line in response:
                if not line.startswith(_EVENT):
                    continue
                event = json.loads(line[len(_EVENT) :])
                if event.get("content"):
                    yield event["content"]
                if event.get("stop"):
                    totals.tokens, totals.reused_tokens = event["tokens_predicted"], event["timings"]["cache_n"]
        finally:
            connection.close()

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < deadline and self._process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port)
            try:
                connection.request("GET", "/health")
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
            except ConnectionError:
                pass
            finally:
                connection.close()
            time.sleep(0.1)
        raise RuntimeError(f"llama-server did not start with {self._arguments}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
