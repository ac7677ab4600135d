"""Carries one running answer to one socket, at the socket's own pace."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation
from chatapp.conversations.place import TailPlace, WholePlace
from chatapp.conversations.rendering import render_turn
from chatapp.conversations.selectors import get_turn_for
from chatapp.conversations.streams.hub import get_hub
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.database import in_thread
from chatapp.errors import ChatappError

FRAME_SECONDS = 0.1
WHOLE_SECONDS = 2.0
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def relay_answer(generation: Generation, user: User, send: Send, *, protocol: int = 1, seq: int = 0) -> None:
    """Sends states and text while the answer runs, then its final rendering from the database.

    At most one frame is under way; while a slow socket takes it, the place just stays behind the answer.
    """
    place, seconds = (TailPlace(seq), FRAME_SECONDS) if protocol >= 2 else (WholePlace(), WHOLE_SECONDS)
    name = str(generation.id)
    async with get_hub().follow(generation) as answer:
        state: dict[str, Any] = {}
        version = -1
        while not answer.ended:
            version = await answer.changed(version)
            previous, state = state, _state(answer)
            if state != previous and not answer.ended:
                await send({"type": "status", "generation": name, **state})
            frame = place.advance(answer)
            if frame:
                await send({"type": frame.pop("type"), "generation": name, **frame})
            if not answer.ended:
                await asyncio.sleep(seconds)
    await send(await in_thread(_final_frame)(generation, user))


def _state(answer: LiveAnswer) -> dict[str, Any]:
    place = answer.place
    return {
        "status": answer.status,
        "position": place.position if place else None,
        "wait_seconds": place.wait_seconds if place else None,
        "note": answer.note,
        # A place of an older selector has neither.
        "follows": getattr(place, "follows", False),
        "faster": getattr(place, "faster", ""),
    }


def _final_frame(generation: Generation, user: User) -> dict[str, Any]:
    try:
        turn = get_turn_for(user, generation.message_id)
    except ChatappError as error:  # Deleted meanwhile.
        return {"type": "error", "code": error.code, "message": error.message, "generation": str(generation.id)}
    status = turn.generation.status if turn.generation else ""
    html = render_turn(turn, user=user)
    return {"type": "final", "generation": str(generation.id), "status": status, "html": html}
