"""Bytes on the wire per byte of answer, and the CPU time of rendering: `python -m benchmarks.streams.bytes`.

Replays a text at 30 tokens a second through the live answer and the place of one follower, without a network. Frames
are weighed as the socket compresses them, final frame included.
"""

import os
import random
import re
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

RATE = 30.0
LENGTHS = (100, 1_000, 4_000)
_TOKEN = re.compile(r"\s*\S{1,7}\n*")  # About as long as a tokenizer's pieces of English and Markdown.
_WORDS = """
    the of and to in that is for it as was with be by on not he his but at are this have from or had an they which
    one you were all her she there would their we him been has when who will no more if out so what up said about
    than into them can only other time new some could these two may first then do any like my now over such our man
    me even most made after also did many before must through years where much your way well down should because each
    just those people how too little state good very make world still see own work long get here between both life
    being under never day holiday leave department manager approval request portal training expense budget contract
    employee insurance meeting colleague certificate deadline calendar remaining entitlement probation sickness
    equipment reimbursement receipt
""".split()  # noqa: SIM905 -- a list of two hundred strings reads worse
_SETTINGS = {
    "SECRET_KEY": "only for this benchmark, which serves nothing",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "FIELD_ENCRYPTION_KEYS": "A" * 43 + "=",
}


@dataclass(frozen=True)
class Weight:
    compressed: float
    decoded: float
    frames: int
    final: int
    cpu_per_thousand: float


def make_texts(tokens: int) -> dict[str, list[str]]:
    """Tokens of one long paragraph, and of a text with headings, lists, tables and code. No text repeats itself."""
    chance = random.Random(tokens)  # noqa: S311 -- the same text in each run

    def words(least: int, most: int) -> str:
        return " ".join(chance.choice(_WORDS) for _ in range(chance.randint(least, most)))

    def section() -> str:
        bullets = "".join(f"- {words(4, 9).capitalize()}, **{words(1, 2)}**\n" for _ in range(5))
        rows = "".join(f"| {words(1, 3)} | {chance.randint(1, 99)} | {words(2, 4)} |\n" for _ in range(5))
        code = "".join(
            f"    {'_'.join(words(2, 2).split())} = {words(1, 1)}({chance.random():.3f})\n" for _ in range(5)
        )
        prose = ". ".join(words(8, 16).capitalize() for _ in range(4))
        return (
            f"## {words(2, 4).capitalize()}\n\n{prose}.\n\n{bullets}\n"
            f"| name | days | note |\n|---|--:|---|\n{rows}\n```python\ndef {words(1, 1)}():\n{code}```\n\n"
        )

    paragraph, realistic = words(tokens, tokens), "".join(section() for _ in range(tokens // 100 + 1))
    return {"paragraph": _TOKEN.findall(paragraph)[:tokens], "realistic": _TOKEN.findall(realistic)[:tokens]}


def replay(tokens: list[str]) -> Weight:
    from chatapp.accounts.models import User
    from chatapp.conversations.models import Generation, Message, MessageRole, Status
    from chatapp.conversations.place import TailPlace
    from chatapp.conversations.relay import final_frame
    from chatapp.conversations.selectors import Turn
    from chatapp.conversations.streams.entries import Entry
    from chatapp.conversations.streams.live_answer import LiveAnswer
    from chatapp.conversations.streams.pace import Pace
    from chatapp.conversations.tests.page import Page
    from chatapp.inference.models import ModelVersion

    generation = Generation(id=uuid4(), status=Status.COMPLETE, completion_tokens=len(tokens))
    generation.version = ModelVersion(name="assistant-small", context_tokens=8192)
    message = Message(id=uuid4(), conversation_id=uuid4(), role=MessageRole.ASSISTANT, text="".join(tokens))
    answer, place, page = LiveAnswer(generation.id, message.id), TailPlace(0), Page()

    def send(frame: dict[str, Any] | None) -> None:
        if frame:
            page.apply({"type": frame.pop("type"), "generation": str(generation.id), **frame})

    status = {"status": "answering", "position": None, "wait_seconds": None, "note": "", "follows": False, "faster": ""}
    send({"type": "status", **status, "status": "queued", "position": 1})
    send({"type": "status", **status})
    answer.apply(Entry(1, 0, "fence", "", 0.0))
    pace, due, cpu = Pace(), 0.0, 0.0
    for seq, token in enumerate(tokens, start=1):
        now = seq / RATE
        answer.apply(Entry(1, seq, "text", token, now))
        if now >= due:
            begun = time.process_time()
            frame = place.advance(answer)
            cpu += time.process_time() - begun
            send(frame)
            due = now + pace.interval(now - 1 / RATE)
    answer.apply(Entry(1, len(tokens) + 1, "end", "complete", 0.0))
    begun = time.process_time()
    frame = place.advance(answer)
    cpu += time.process_time() - begun
    send(frame)
    before = page.compressed
    turn = Turn(message=message, generation=generation, sources=[], siblings=[message.id], queue=None)
    begun = time.process_time()
    final = final_frame(turn, User(), text=answer.text, html=place.shown(answer))
    cpu += time.process_time() - begun
    send({"type": "final", **final})
    size = len(message.text.encode())
    return Weight(
        compressed=page.compressed / size,
        decoded=page.decoded / size,
        frames=page.frames,
        final=page.compressed - before,
        cpu_per_thousand=1000 * cpu / len(tokens),
    )


def main() -> None:
    # Nothing is connected to: the settings only have to be there.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatapp.settings")
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import django

    django.setup()
    replay(make_texts(100)["realistic"])  # Warm: templates, lexers, patterns.
    print(f"{'text':10} {'tokens':>6} {'compressed':>10} {'decoded':>8} {'frames':>6} {'final':>6} {'CPU s/1,000':>11}")
    for tokens in LENGTHS:
        for name, text in make_texts(tokens).items():
            weight = replay(text)
            print(
                f"{name:10} {tokens:6} {weight.compressed:10.2f} {weight.decoded:8.1f} {weight.frames:6} "
                f"{weight.final:6} {weight.cpu_per_thousand:11.3f}"
            )


if __name__ == "__main__":
    main()
