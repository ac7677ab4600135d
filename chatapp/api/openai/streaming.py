"""One answer as server-sent events, in OpenAI's chunks."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from channels.db import database_sync_to_async

from chatapp.accounts.models import User
from chatapp.api.openai.answers import Answer, completion_id
from chatapp.api.openai.following import Follower
from chatapp.conversations import services
from chatapp.conversations.models import Generation
from chatapp.conversations.streams.hub import get_hub
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.database import AWAY
from chatapp.errors import ChatappError
from chatapp.problems import openai_error, problem_body

HEARTBEAT_SECONDS = 10.0
RETRY_SECONDS = 5
HEARTBEAT = b": still working\n\n"
DONE = b"data: [DONE]\n\n"


class AnswerStream:
    """An async iterable of events. Django calls `close` when the response is over, however it ended."""

    def __init__(self, *, user: User, generation: Generation, model: str, include_usage: bool) -> None:
        self.user = user
        self.generation = generation
        self.model = model
        self.include_usage = include_usage
        self.sent = ""
        self.ended = False
        self.follower = Follower()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._chunk({"role": "assistant", "content": ""})
        async with get_hub().follow(self.generation, is_new=True) as live:
            async for event in self._follow(live):
                yield event
        self.ended = True  # Also for the answer that goes on without its reader.
        if self.follower.is_leaving:
            yield _problem(ChatappError("restarting", generation=self.generation.id))
            return
        try:
            answer = await database_sync_to_async(Answer)(self.user, self.generation)
        except AWAY:
            yield _problem(ChatappError("database_away", seconds=RETRY_SECONDS))
            return
        for event in self._last_events(answer):
            yield event

    def close(self) -> None:
        """A client that left in mid-answer wants no more of it."""
        if not self.ended:
            self.ended = True
            services.request_stop(user=self.user, generation_id=self.generation.id)

    async def _follow(self, live: LiveAnswer) -> AsyncIterator[bytes]:
        version, epoch, last = -1, live.epoch, False
        while not last and not self.follower.is_leaving:
            try:
                version = await self.follower.changed(live, version, seconds=HEARTBEAT_SECONDS)
            except TimeoutError:
                yield HEARTBEAT
                continue
            last = live.ended  # Before the text is read: more of it may come while the client takes a piece.
            # After a loss of the live text it comes anew from its start; what was sent cannot be taken back.
            follows = live.epoch == epoch or live.text.startswith(self.sent)
            if follows and len(live.text) > len(self.sent):
                epoch = live.epoch
                yield self._text(live.text[len(self.sent) :])

    def _last_events(self, answer: Answer) -> Iterator[bytes]:
        """What the database holds is the answer: the rest of it, or why there is none."""
        if (problem := answer.problem) is not None:
            yield _problem(problem)
            return
        self.model = answer.model or self.model
        if answer.text.startswith(self.sent) and len(answer.text) > len(self.sent):
            yield self._text(answer.text[len(self.sent) :])
        extras = answer.extras if self.sent == answer.text else {**answer.extras, "text": answer.text}
        finish: dict[str, Any] = {"finish_reason": answer.finish_reason}
        if self.include_usage:
            yield self._chunk({}, **finish)
            yield self._event(choices=[], usage=answer.usage, chatapp=extras)
        else:
            yield self._chunk({}, chatapp=extras, **finish)
        yield DONE

    def _text(self, piece: str) -> bytes:
        self.sent += piece
        return self._chunk({"content": piece})

    def _chunk(self, delta: dict[str, str], *, finish_reason: str | None = None, **extra: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        usage = {"usage": None} if self.include_usage else {}
        return self._event(choices=[choice], **usage, **extra)

    def _event(self, **fields: Any) -> bytes:
        return _event(
            {
                "id": completion_id(self.generation),
                "object": "chat.completion.chunk",
                "created": int(self.generation.created_at.timestamp()),
                "model": self.model,
                **fields,
            }
        )


def _problem(problem: ChatappError) -> bytes:
    return _event({**problem_body(problem), "error": openai_error(problem)})


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
