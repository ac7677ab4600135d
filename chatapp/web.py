"""`python -m chatapp.web [--host H] [--port P]`: the web process.

SIGTERM: new connections are refused, sockets close with 1012 and their pages come back to the next process; API
calls get CALL_SECONDS to end, then they end with a problem that says so, while their answers go on.
"""

import argparse
import asyncio
import socket
import sys

import uvicorn

CALL_SECONDS = 3.0
SHUTDOWN_SECONDS = 6


class WebServer(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        leaving = asyncio.create_task(_end_calls())
        await super().shutdown(sockets)
        leaving.cancel()


async def _end_calls() -> None:
    from chatapp.api.openai.following import Follower

    await asyncio.sleep(CALL_SECONDS)
    Follower.leave_all()


def configure(*, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        "chatapp.asgi:application",
        host=host,
        port=port,
        lifespan="off",
        access_log=False,
        log_config=None,  # As all others' its lines go through chatapp.logs.
        server_header=False,
        proxy_headers=False,  # Who is believed about addresses is decided in chatapp.accounts.addresses.
        ws_max_size=65536,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="chatapp.web")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    server = WebServer(configure(host=options.host, port=options.port))
    server.run()
    return 0 if server.started else 3


if __name__ == "__main__":
    sys.exit(main())
