"""A TCP proxy that is a bad network: it cuts, hangs, delays, throttles, and loses the answer to a commit."""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

_PIECE = 65536
# What a throttled connection may hold in the kernel: else megabytes pass before the sender feels the slow reader.
_SMALL_BUFFER = 4096


class Proxy:
    """Listens on a free loopback port and passes on to `target`. Its attributes may be changed while it runs.

    `rate` is in bytes a second towards whoever connected, `delay` in seconds before each piece either way. A piece
    towards the target that holds `lose_reply_to` marks its connection: the answer to its next COMMIT is lost with it.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay = 0.0
        self.rate = 0.0
        self.lose_reply_to = b""
        self.refuses = False
        self.swallows = False
        self.dropped = 0
        self._passing = asyncio.Event()
        self._passing.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = server.result(10)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Ends every connection; new ones end at once, until `restore`."""
        self.refuses = True
        self._call(self._cancel)

    def hang(self) -> None:
        """Nothing passes until `restore`; then all that was held does."""
        self._call(self._passing.clear)

    def swallow(self) -> None:
        """Half-open until `restore`, which ends it: nothing passes, and neither side hears of the other's end.

        `dropped` counts connections that the target has given up meanwhile.
        """
        self.swallows = True

    def restore(self) -> None:
        if self.swallows:
            self._call(self._cancel)
        self.refuses, self.swallows, self.delay, self.rate, self.lose_reply_to = False, False, 0.0, 0.0, b""
        self._call(self._passing.set)

    def close(self) -> None:
        self.refuses = True
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, action: Callable[[], object]) -> None:
        """Runs it in the proxy's thread, and returns when it is done."""

        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)

    def _cancel(self) -> None:
        for connection in self._connections:
            connection.cancel()

    async def _end(self) -> None:
        self._server.close()
        open_ = list(self._connections)
        self._cancel()
        await asyncio.gather(*open_, return_exceptions=True)
        await asyncio.sleep(0.1)  # What was aborted is closed in the next turns of the loop.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                if not self.refuses:
                    await self._join(reader, writer)
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        limit = _SMALL_BUFFER if self.rate else _PIECE
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=limit)
        if self.rate:
            far_writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        try:
            async with asyncio.TaskGroup() as both:
                up = both.create_task(self._send_up(reader, far_writer))
                down = both.create_task(self._send_down(far_reader, writer))
                up.add_done_callback(lambda _: down.cancel())
                down.add_done_callback(lambda _: up.cancel())
        except* OSError:
            pass
        finally:
            far_writer.transport.abort()

    async def _send_up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        marked = False
        while piece := await reader.read(_PIECE):
            await self._pass(piece, writer)
            marked = marked or (self.lose_reply_to != b"" and self.lose_reply_to in piece)
            if marked and b"COMMIT" in piece:
                self.lose_reply_to = b""
                await asyncio.sleep(0.5)  # The commit arrives; its answer meets a closed connection.
                return

    async def _send_down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_SMALL_BUFFER // 4 if self.rate else _PIECE):
            if self.rate:
                await asyncio.sleep(len(piece) / self.rate)
            await self._pass(piece, writer)
        if self.swallows:
            self.dropped += 1
            await asyncio.Event().wait()

    async def _pass(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        await self._passing.wait()
        if not self.swallows:
            writer.write(piece)
            await writer.drain()
