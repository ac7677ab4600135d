"""The size of a request's body is limited while it arrives, before Django gathers it on disk."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from chatapp.errors import ChatappError
from chatapp.problems import problem_response

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyLimit:
    """ASGI middleware: a declared or an arriving body above `max_bytes` ends with 413, whoever sends it."""

    def __init__(self, application: Application, *, max_bytes: int) -> None:
        self.application = application
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = _declared_length(scope)
        if received <= self.max_bytes:
            received = 0

            async def receive_counted() -> Message:
                nonlocal received
                message = await receive()
                received += len(message.get("body", b""))
                # Django closes its temporary file and answers nothing when the client seems to have left.
                return message if received <= self.max_bytes else {"type": "http.disconnect"}

            await self.application(scope, receive_counted, send)
        if received > self.max_bytes:
            await _refuse(scope["path"], send)


def _declared_length(scope: Scope) -> int:
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    return int(declared) if declared.isdigit() else 0


async def _refuse(path: str, send: Send) -> None:
    response = problem_response(ChatappError("body_too_large"), path=path)
    headers = [(b"content-type", response["Content-Type"].encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})
