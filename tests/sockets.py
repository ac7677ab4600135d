"""A websocket client for the real ASGI application (Channels' own needs Daphne)."""

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator


class SocketClient:
    def __init__(self, application: Any, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers, "subprotocols": []}
        self.application, self.headers = application, headers
        self._application = ApplicationCommunicator(application, scope)

    async def connect(self) -> bool:
        """Whether the handshake was accepted."""
        await self._application.send_input({"type": "websocket.connect"})
        return bool((await self.next_output())["type"] == "websocket.accept")

    async def send(self, text: str | None = None, *, data: bytes | None = None) -> None:
        await self._application.send_input({"type": "websocket.receive", "text": text, "bytes": data})

    async def next_output(self, within: float = 5) -> dict[str, Any]:
        output: dict[str, Any] = await self._application.receive_output(within)
        return output

    async def next_frame(self, within: float = 15) -> dict[str, Any]:
        output = await self.next_output(within)
        assert output["type"] == "websocket.send", output
        frame: dict[str, Any] = json.loads(output["text"])
        return frame

    async def is_silent(self, seconds: float = 0.5) -> bool:
        return bool(await self._application.receive_nothing(seconds))

    async def disconnect(self) -> None:
        await self._application.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._application.wait(5)
