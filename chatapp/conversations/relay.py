"""Carries one running answer to one socket, at the socket's own pace."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation
from chatapp.conversations.rendering import render_turn
from chatapp.conversations.selectors import get_turn_for
from chatapp.conversations.streams.hub import get_hub
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.errors import ChatappError

FRAME_SECONDS = 0.1
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def relay_answer(generation: Generation, user: User, send: Send) -> None:
    """Sends status, snapshot and append frames while the answer runs, then its final rendering from the database."""
    async with get_hub().follow(generation) as answer:
        place = _Place()
        version = -1
        while not answer.ended:
            version = await answer.changed(version)
            for frame in place.advance(answer):
                await send({"generation": str(generation.id), **frame})
            if not answer.ended:
                await asyncio.sleep(FRAME_SECONDS)
    await send(await database_sync_to_async(_final_frame)(generation, user))


class _Place:
    """What this socket has been sent so far."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.epoch = -1
        self.seq = -1
        self.blocks = 0

    def advance(self, answer: LiveAnswer) -> list[dict[str, Any]]:
        frames = []
        state = {
            "type": "status",
            "status": answer.status,
            "position": answer.place.position if answer.place else None,
            "wait_seconds": answer.place.wait_seconds if answer.place else None,
            "note": answer.note,
        }
        if state != self.state and not answer.ended:
            self.state = state
            frames.append(state)
        if answer.text and (answer.epoch, answer.seq) != (self.epoch, self.seq):
            frames.append(self._text(answer))
        return frames

    def _text(self, answer: LiveAnswer) -> dict[str, Any]:
        blocks, open_html = answer.render()
        kind = "append" if answer.epoch == self.epoch else "snapshot"
        start = self.blocks if kind == "append" else 0
        self.epoch, self.seq, self.blocks = answer.epoch, answer.seq, len(blocks)
        return {"type": kind, "seq": answer.seq, "html": "".join(blocks[start:]), "open": open_html}


def _final_frame(generation: Generation, user: User) -> dict[str, Any]:
    try:
        turn = get_turn_for(user, generation.message_id)
    except ChatappError as error:  # Deleted meanwhile.
        return {"type": "error", "code": error.code, "message": error.message, "generation": str(generation.id)}
    status = turn.generation.status if turn.generation else ""
    html = render_turn(turn, user=user)
    return {"type": "final", "generation": str(generation.id), "status": status, "html": html}
