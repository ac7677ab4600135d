"""The page's socket: subscribe to running answers, stop them. Messages are posted over HTTP."""

import asyncio
import json
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer

from chatapp.accounts.addresses import client_address_of_scope
from chatapp.accounts.models import User
from chatapp.accounts.services import record_denied
from chatapp.conversations import events, services
from chatapp.conversations.frames import Frame, MalformedFrameError, parse_frame
from chatapp.conversations.models import Generation
from chatapp.conversations.relay import SlowReaderError, relay_answer
from chatapp.conversations.selectors import get_generation_for
from chatapp.conversations.sockets.shares import shares
from chatapp.conversations.sockets.watch import SIGNED_OUT, get_watch
from chatapp.database import in_thread
from chatapp.errors import ChatappError

FAILED, TRY_LATER, MALFORMED, TOO_MANY = 1011, 1013, 4400, 4429
CLOSE_SECONDS = 5.0
LATER_SECONDS = 10
MAX_SUBSCRIPTIONS = 32
log = structlog.get_logger(__name__)


class ChatConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        self.relays: dict[UUID, asyncio.Task[None]] = {}
        self.is_over = False
        user, self.session_key = self.scope["user"], self.scope["session"].session_key or ""
        if not isinstance(user, User) or not user.is_active:
            await self.close()  # Before accept: the handshake ends with 403.
            return
        self.user = user
        self.share = (user.id, client_address_of_scope(self.scope) or "")
        if wait := shares.enter(*self.share):
            await self.accept()  # A refused handshake could not say why, nor when to come back.
            await self.end(TOO_MANY, f"retry after {wait} s")
            return
        self.group = events.socket_group(user.id)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await (self.accept() if await get_watch().join(self) else self.close())

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - Channels passes it
        self.is_over = True
        get_watch().leave(self)
        for relay in self.relays.values():
            relay.cancel()
        if hasattr(self, "group"):
            shares.leave(*self.share)
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def end(self, code: int, reason: str = "") -> None:
        """No frame follows: what runs for the page ends first. The close itself waits for room, but not for long."""
        self.is_over = True
        get_watch().leave(self)
        own = asyncio.current_task()
        for relay in self.relays.values():
            if relay is not own:
                relay.cancel()
        with suppress(TimeoutError, OSError, RuntimeError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.close(code=code, reason=reason)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        if self.is_over:
            return
        if wait := shares.take(self.user.id):
            await self.end(TOO_MANY, f"retry after {wait} s")
            return
        # A binary frame has no text and so is malformed.
        try:
            frame = parse_frame(text_data or "")
        except MalformedFrameError:
            await self.end(MALFORMED)
            return
        if frame.type == "ping" or await get_watch().holds(self):
            await self.answer(frame)

    async def answer(self, frame: Frame) -> None:
        try:
            await getattr(self, f"on_{frame.type}")(frame)
        except ChatappError as error:
            if error.status in {403, 404}:
                await in_thread(record_denied)(
                    user=self.user,
                    route="ws/",
                    method=frame.type,
                    ids={"generation": str(frame.generation)},
                    status=error.status,
                )
            await self.send_frame(
                {"type": "error", "code": error.code, "message": error.message, "generation": str(frame.generation)}
            )

    async def on_subscribe(self, frame: Frame) -> None:
        generation = await in_thread(get_generation_for)(self.user, frame.generation)
        self.relays = {key: relay for key, relay in self.relays.items() if not relay.done()}
        if len(self.relays) >= MAX_SUBSCRIPTIONS:
            await self.end(TOO_MANY, f"retry after {LATER_SECONDS} s")
            return
        await self.on_unsubscribe(frame)
        self.relays[generation.id] = asyncio.create_task(self.relay(generation, frame))

    async def on_unsubscribe(self, frame: Frame) -> None:
        relay = self.relays.pop(frame.generation, None)
        if relay is not None:
            relay.cancel()

    async def on_stop(self, frame: Frame) -> None:
        await in_thread(services.request_stop)(user=self.user, generation_id=frame.generation)

    async def on_ping(self, _: Frame) -> None:
        await self.send_frame({"type": "pong"})

    async def relay(self, generation: Generation, frame: Frame) -> None:
        try:
            await relay_answer(generation, self.user, self.send_frame, protocol=frame.protocol, seq=frame.seq)
        except SlowReaderError:
            await self.end(TRY_LATER)
        except Exception:
            # The page connects again and subscribes anew; a silent end would leave it waiting.
            log.exception("relay_failed", generation=str(generation.id))
            await self.end(FAILED)

    async def session_over(self, event: dict[str, Any]) -> None:
        if event.get("session") in {None, "", events.name_session(self.session_key)}:
            await self.end(SIGNED_OUT, "signed out")

    async def rights_changed(self, _: dict[str, Any]) -> None:
        await get_watch().look([self])

    async def list_changed(self, _: dict[str, Any]) -> None:
        await self.send_frame({"type": "reload"})

    async def conversation_changed(self, event: dict[str, Any]) -> None:
        await self.send_frame({**event, "type": "changed"})

    async def turns_changed(self, event: dict[str, Any]) -> None:
        await self.send_frame({**event, "type": "revised"})

    async def send_frame(self, frame: dict[str, Any]) -> None:
        if self.is_over:
            return
        # What servers raise once the page has left; `disconnect`, which follows, ends the relays.
        with suppress(OSError, RuntimeError):
            await self.send(text_data=json.dumps(frame, separators=(",", ":"), ensure_ascii=False))
