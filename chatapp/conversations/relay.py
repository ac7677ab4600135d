"""Carries one running answer to one socket, at the socket's own pace."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation
from chatapp.conversations.place import TailPlace, WholePlace, utf16_length
from chatapp.conversations.rendering import is_shown, render_turn
from chatapp.conversations.selectors import Turn, get_turn_for
from chatapp.conversations.streams.hub import get_hub
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.conversations.streams.pace import get_pace
from chatapp.database import in_thread
from chatapp.errors import ChatappError
from chatapp.metrics import count_fault

WHOLE_SECONDS = 2.0
SLOW_SECONDS, PATIENCE_SECONDS = 2.0, 60.0
_SPACES = re.compile(r"\s+")
Send = Callable[[dict[str, Any]], Awaitable[None]]


class SlowReaderError(Exception):
    """The socket has taken nothing for a long time."""


async def relay_answer(generation: Generation, user: User, send: Send, *, protocol: int = 1, seq: int = 0) -> None:
    """Sends states and text while the answer runs, then its final rendering from the database.

    At most one frame is under way; while a slow socket takes it, the place just stays behind the answer.
    Raises SlowReaderError.
    """
    place = TailPlace(seq) if protocol >= 2 else WholePlace()
    outlet = _Outlet(str(generation.id), send)
    async with get_hub().follow(generation) as answer:
        state: dict[str, Any] = {}
        version, first, ended = -1, 0.0, False
        while not ended:
            version = await answer.changed(version)
            ended = answer.ended
            previous, state = state, _state(answer)
            if state != previous and not ended:
                await outlet.send({"type": "status", **state})
            # To a page that shows nothing yet the final rendering alone says it all.
            frame = None if ended and not first else place.advance(answer)
            if frame:
                await outlet.send(frame)
                first = first or time.monotonic()
            if first and not ended:  # States are rare, and a rest after one would hold up the first words.
                await (asyncio.sleep(WHOLE_SECONDS) if protocol < 2 else get_pace().rest(time.monotonic() - first))
    await outlet.send(await in_thread(_load_final)(generation, user, answer.text, place.shown(answer)))


class _Outlet:
    """A send ends when the socket's buffer has room again, so what waits for a slow socket is one frame."""

    def __init__(self, generation: str, send: Send) -> None:
        self._generation = generation
        self._send = send
        self._was_slow = False

    async def send(self, frame: dict[str, Any]) -> None:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._send({"type": frame.pop("type"), "generation": self._generation, **frame})
        except TimeoutError as error:
            raise SlowReaderError from error
        finally:
            if time.monotonic() - begun > SLOW_SECONDS and not self._was_slow:
                self._was_slow = True
                count_fault("slow_reader")


def _state(answer: LiveAnswer) -> dict[str, Any]:
    place = answer.place
    return {
        "status": answer.status,
        "position": place.position if place else None,
        "wait_seconds": place.wait_seconds if place else None,
        "note": answer.note,
        "follows": bool(place and place.follows),
        "faster": place.faster if place else "",
    }


def _load_final(generation: Generation, user: User, text: str, html: str | None) -> dict[str, Any]:
    try:
        turn = get_turn_for(user, generation.message_id)
    except ChatappError as error:  # Deleted meanwhile.
        return {"type": "error", "code": error.code, "message": error.message}
    return {"type": "final", **final_frame(turn, user, text=text, html=html)}


def final_frame(turn: Turn, user: User, *, text: str, html: str | None) -> dict[str, Any]:
    """What the page has already is left out: `kept` is the length of the body, by which the page knows that it does.

    `text` is what was streamed, and `html` what the page shows of it, if that is known.
    """
    status = turn.generation.status if turn.generation else ""
    if html and is_shown(turn, text=text, html=html):
        article = _SPACES.sub(" ", render_turn(turn, user=user, is_kept=True))
        return {"status": status, "html": article, "kept": utf16_length(html)}
    return {"status": status, "html": render_turn(turn, user=user)}
