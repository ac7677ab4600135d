"""What holding text back costs a reader: the same streams with and without a guard.

An engine's thread writes a paragraph at 30 tokens a second; a reader takes what there is as an answer's thread does,
at the same moments, and notes when characters come out. The baseline is the same with a guard that has no checks.
"""

import re
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks.moderation.texts import read_paragraphs
from chatapp.conversations.pipeline.reply import PIECE_SECONDS, TICK_SECONDS
from chatapp.demo.policy import CHECKS
from chatapp.inference.engine import Stream
from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.guard import OutputGuard
from chatapp.moderation.models import Stage
from chatapp.moderation.windows import cut_windows

TOKENS_A_SECOND = 30
ANSWERS, AT_ONCE = 32, 8
FIRST_CHARACTERS = 400  # Of each paragraph: three sentences or so.
ADDED_MS = 250.0
HOLDING = {
    "kind": "toxicity",
    "name": "toxicity, holding",
    "stage": "output",
    "action": "block",
    "budget_ms": 5_000,
}
_TOKEN = re.compile(r"\s?\S{1,5}")


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds from the first token on; `sentences` had come when the first text came out."""

    first: float
    last: float
    sentences: int


def measure_streaming() -> dict[str, Any]:
    default = [check for check in build_checks(CHECKS) if check.stage == Stage.OUTPUT and not check.is_shadow]
    classifier = list(build_checks([HOLDING]))
    _warm(classifier)
    texts = [text[:FIRST_CHARACTERS] for text in read_paragraphs()[:ANSWERS]]
    readings = {
        name: _read_all(texts, checks)
        for name, checks in (("none", []), ("default", default), ("classifier", [*default, *classifier]))
    }
    results = {name: _figures(found, readings["none"]) for name, found in readings.items()}
    return {"answers": len(texts), **results, "broken": list(_broken(results))}


def _warm(checks: Sequence[Check]) -> None:
    for check in checks:
        if check.examiner is not None:
            check.examiner.examine(["Good morning."])


def _read_all(texts: Sequence[str], checks: Sequence[Check]) -> list[Reading]:
    with ThreadPoolExecutor(AT_ONCE) as readers:
        return list(readers.map(lambda text: _read(text, OutputGuard(checks)), texts))


def _read(text: str, guard: OutputGuard) -> Reading:
    stream = Stream(prompt_tokens=0)
    threading.Thread(target=_write, args=(stream, text), daemon=True).start()
    began, first, come, sentences = 0.0, 0.0, "", 0
    while (piece := stream.next_text(PIECE_SECONDS)) is not None:
        began = began or time.monotonic()
        come += piece
        if guard.feed(piece).strip() and not first:
            first, sentences = time.monotonic(), len(cut_windows(come))
        if piece:
            time.sleep(TICK_SECONDS - time.monotonic() % TICK_SECONDS)
    if guard.finish().strip() and not first:
        first, sentences = time.monotonic(), len(cut_windows(come))
    return Reading(first - began, time.monotonic() - began, sentences)


def _write(stream: Stream, text: str) -> None:
    began = time.monotonic()
    for number, token in enumerate(_TOKEN.findall(text)):
        time.sleep(max(0.0, began + number / TOKENS_A_SECOND - time.monotonic()))
        stream.write(token)
    stream.finish("stop")


def _figures(found: Sequence[Reading], without: Sequence[Reading]) -> dict[str, Any]:
    first = [1000 * (one.first - other.first) for one, other in zip(found, without, strict=True)]
    last = [1000 * (one.last - other.last) for one, other in zip(found, without, strict=True)]
    return {
        "added_to_first_p50_ms": round(statistics.median(first), 1),
        "added_to_first_p95_ms": round(statistics.quantiles(first, n=20)[18], 1),
        "added_to_last_p50_ms": round(statistics.median(last), 1),
        "sentences_p50": statistics.median(one.sentences for one in found),
        "sentences_max": max(one.sentences for one in found),
    }


def _broken(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    added = results["default"]["added_to_first_p50_ms"]
    if added > ADDED_MS:
        yield f"the default policy adds {added} ms to the first text; the limit is {ADDED_MS:g}"
    # The sentence that is being written counts as one that has come.
    sentences = results["classifier"]["sentences_p50"]
    if sentences > 2:
        yield f"{sentences} sentences had come when a holding classifier let the first out"


def lines(results: dict[str, Any]) -> Iterator[str]:
    yield "| output policy | added to the first text, p50 | p95 | to the last | sentences begun by then, p50 | most |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name in ("none", "default", "classifier"):
        one = results[name]
        times = [f"{one[f'added_to_{what}_ms']:g} ms" for what in ("first_p50", "first_p95", "last_p50")]
        yield f"| {name} | {' | '.join(times)} | {one['sentences_p50']:g} | {one['sentences_max']} |"
