"""Output and prompt tokens per second of the engine, beside llama.cpp's other front ends, in one run.

`python -m benchmarks.engine [--json] [--model NAME] [--threads N]`. The last line is one JSON object.
Baselines: llama-cpp-python's high-level `Llama`, which answers one prompt at a time, and llama-server where its
binary is on PATH. Same model, threads, prompts and lengths for all; greedy; the end of text is ignored.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from chatapp.inference.artifacts import default_directory, ensure_artifact
from chatapp.inference.catalog import ARTIFACTS, SMOLLM2_135M
from chatapp.inference.engine import Engine
from chatapp.inference.engine.cpus import default_threads

CHATS = (1, 4, 8)
CONTEXT = 1024
GREEDY = {"temperature": 0, "ignore_eos": True}
SUBJECTS = ("holidays", "travel", "badges", "laptops", "prices", "meetings", "training", "parking")

# Answers one prompt with so many tokens.
Answer = Callable[[str, int], object]


def prompt(number: int, *, sentences: int) -> str:
    """Different from its first word on, so that no system gains by what it read before."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    lines = [f"{number}.{line} The rule on {subject} has paragraph {line * 7 + number}." for line in range(sentences)]
    return " ".join(lines)


class Rounds:
    """Numbers prompts through the whole run, and times rounds of them."""

    def __init__(self, *, output_tokens: int) -> None:
        self._output_tokens = output_tokens
        self._next_prompt = 0

    def measure(self, answer: Answer, *, prompt_tokens: Callable[[str], int]) -> dict[str, float]:
        figures = {}
        for chats in CHATS:
            seconds = self._time(answer, chats=chats, sentences=2, tokens=self._output_tokens)
            figures[f"output_tokens_per_second_{chats}"] = round(chats * self._output_tokens / seconds, 1)
        text = prompt(self._next_prompt, sentences=30)
        seconds = self._time(answer, chats=1, sentences=30, tokens=1)
        figures["prompt_tokens_per_second"] = round(prompt_tokens(text) / seconds, 1)
        return figures

    def _time(self, answer: Answer, *, chats: int, sentences: int, tokens: int) -> float:
        prompts = [prompt(self._next_prompt + number, sentences=sentences) for number in range(chats)]
        self._next_prompt += chats
        started = time.perf_counter()
        with ThreadPoolExecutor(chats) as pool:
            list(pool.map(lambda text: answer(text, tokens), prompts))
        return time.perf_counter() - started


@contextmanager
def engine_answers(path: Path, *, threads: int) -> Iterator[Answer]:
    engine = Engine(path, slots=max(CHATS), context_per_slot=CONTEXT, gpu_layers=0, threads=threads)
    try:
        yield lambda text, tokens: list(engine.submit(text, max_tokens=tokens, sampling=GREEDY, cache_scope=text))
    finally:
        engine.close()


@contextmanager
def high_level_answers(path: Path, *, threads: int) -> Iterator[Answer]:
    """`Llama` keeps one sequence, so chats take turns."""
    from threading import Lock

    from llama_cpp import Llama

    llama = Llama(str(path), n_ctx=CONTEXT, n_threads=threads, n_threads_batch=threads, verbose=False)
    end_tokens = {token: float("-inf") for token in (llama.token_eos(),)}
    lock = Lock()

    def answer(text: str, tokens: int) -> object:
        with lock:
            return llama.create_completion(text, max_tokens=tokens, temperature=0.0, logit_bias=end_tokens)

    yield answer
    llama.close()


@contextmanager
def server_answers(binary: str, path: Path, *, threads: int) -> Iterator[Answer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    slots = max(CHATS)
    command = [binary, "-m", str(path), "--port", str(port), "-np", str(slots), "-c", str(slots * CONTEXT)]
    command += ["-t", str(threads), "-tb", str(threads), "-ngl", "0", "--kv-unified"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
                _wait_until_healthy(client)
                yield lambda text, tokens: client.post(
                    "/completion", json={"prompt": text, "n_predict": tokens, "temperature": 0, "ignore_eos": True}
                ).raise_for_status()
        finally:
            process.terminate()


def _wait_until_healthy(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            if client.get("/health").is_success:
                return
        except httpx.ConnectError:
            pass
        time.sleep(0.1)
    raise RuntimeError("llama-server did not become healthy")


def count_with(path: Path) -> Callable[[str], int]:
    from llama_cpp import Llama

    tokenizer = Llama(str(path), vocab_only=True, verbose=False)
    return lambda text: len(tokenizer.tokenize(text.encode()))


def run(path: Path, *, threads: int, output_tokens: int) -> dict[str, dict[str, float]]:
    rounds = Rounds(output_tokens=output_tokens)
    prompt_tokens = count_with(path)
    systems: dict[str, Any] = {
        "engine": engine_answers(path, threads=threads),
        "llama_high_level": high_level_answers(path, threads=threads),
    }
    server = os.environ.get("LLAMA_SERVER") or shutil.which("llama-server")
    if server:
        systems["llama_server"] = server_answers(server, path, threads=threads)
    figures = {}
    for name, system in systems.items():
        with system as answer:
            answer("Warm up.", 4)
            figures[name] = rounds.measure(answer, prompt_tokens=prompt_tokens)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the JSON line only")
    parser.add_argument("--model", choices=list(ARTIFACTS), default=SMOLLM2_135M.name)
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--output-tokens", type=int, default=64)
    arguments = parser.parse_args()
    path = ensure_artifact(ARTIFACTS[arguments.model], directory=default_directory(), report=lambda _progress: None)
    figures = run(path, threads=arguments.threads, output_tokens=arguments.output_tokens)
    if not arguments.json:
        for measure in figures["engine"]:
            row = "  ".join(f"{name} {values[measure]:8.1f}" for name, values in figures.items())
            print(f"{measure:28} {row}")
    load = round(os.getloadavg()[0], 1)
    print(json.dumps({"model": arguments.model, "threads": arguments.threads, "load": load, **figures}))


if __name__ == "__main__":
    main()
