"""The real web application over real HTTP, with a worker that answers beside it, inside a test."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from django.db import connections

from chatapp.asgi import application
from chatapp.conversations.streams.hub import get_hub
from chatapp.conversations.workers.inference import InferenceWorker


@contextmanager
def web_server() -> Iterator[str]:
    config = uvicorn.Config(
        application, port=0, lifespan="off", log_level="warning", ws="none", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(serve(server)), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        assert not thread.is_alive()


async def serve(server: uvicorn.Server) -> None:
    """A web process ends with its hub; here the process goes on, so the hub is taken down by hand."""
    await server.serve()
    await get_hub().close()


@contextmanager
def inference_worker() -> Iterator[None]:
    """Claims and answers as a slot of a real worker does, without Celery and without loading the embedder."""
    worker = InferenceWorker()
    worker.warm.set()

    def work() -> None:
        while not worker.draining.wait(0.02):
            worker.answer_all()
        connections.close_all()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        worker.close()
        for thread in threads:
            thread.join(timeout=10)
