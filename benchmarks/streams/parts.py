"""What is measured, each part alone and bounded in time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from benchmarks.streams.figures import Figures, beginning, cpu, delivery, percentile
from benchmarks.streams.product import Person, Product
from benchmarks.streams.readers import Reading, ask, fetch_page, follow, open_socket, read_api, read_page
from benchmarks.streams.usage import Usage, cpu_seconds, memory_kib, own_cpu_seconds

RATE = 30
SENDERS = 50
PATIENCE_SECONDS = 60
Read = Callable[[int, Person, str], Awaitable[Reading]]
READERS: dict[str, Read] = {"api": read_api, "pages": read_page}


@dataclass(frozen=True, slots=True)
class Sizes:
    """`seconds` is how long an answer of the script takes."""

    streams: tuple[int, ...] = (10, 50, 200, 500)
    seconds: int = 20
    singles: int = 30
    sockets: int = 200


def measure_first(product: Product, sizes: Sizes) -> dict[str, Figures]:
    """One user, one question after the other, on a model that answers at once: all that is measured is added."""
    return {
        kind: beginning(
            [
                _run(product, [product.people[number % len(product.people)]], "stamps=1 tokens=3", read)[0]
                for number in range(sizes.singles)
            ]
        )
        for kind, read in READERS.items()
    }


def measure_streams(product: Product, sizes: Sizes) -> dict[str, Figures]:
    """Many answers at once; the askers come evenly over two seconds."""
    found = {}
    for kind, read in READERS.items():
        for count in sizes.streams:
            found[f"{count} {kind}"] = _measure_load(product, count, "stamps=1", read, sizes)
    found["10 pages, Markdown"] = _measure_load(product, 10, "markdown=1", read_page, sizes)
    return found


def measure_burst(product: Product, _sizes: Sizes) -> dict[str, Figures]:
    """Fifty people send within one second."""
    people = product.people[:SENDERS]
    prompt = f"stamps=1 rate={RATE} tokens={RATE}"
    return {kind: beginning(_run(product, people, prompt, read, within=1.0)) for kind, read in READERS.items()}


def measure_sockets(product: Product, sizes: Sizes) -> dict[str, Figures]:
    """Memory of the web process for each open page that waits."""

    async def grow() -> float:
        web = product.stack.pids["web"]
        first = await open_socket(product.port, product.people[0])
        before = memory_kib(web)
        people = product.people[: sizes.sockets]
        sockets = [await open_socket(product.port, person) for person in people]
        await asyncio.sleep(1)
        grown = (memory_kib(web) - before) / len(people)
        for socket in [first, *sockets]:
            await socket.close()
        return grown

    return {"idle": {"kib_per_socket": asyncio.run(grow())}}


def measure_tabs(product: Product, sizes: Sizes) -> dict[str, Figures]:
    """A second tab from the start, and a page that is loaded again in mid-answer."""

    async def watch() -> dict[str, Figures]:
        person, port, conversation = product.people[0], product.port, str(uuid4())
        first, second = await open_socket(port, person), await open_socket(port, person)
        one, two, late = Reading(), Reading(), Reading()
        prompt = f"stamps=1 rate={RATE} tokens={RATE * sizes.seconds}"
        generation = await ask(port, person, prompt, one, conversation=conversation)
        tabs = [asyncio.create_task(follow(tab, generation, seen)) for tab, seen in ((first, one), (second, two))]
        await asyncio.sleep(sizes.seconds / 2)
        shown, began = one.tokens, time.time()
        page = await fetch_page(port, person, f"/c/{conversation}/")
        late.take(page)
        loaded, on_page = time.time() - began, late.tokens
        third = await open_socket(port, person)
        tabs.append(asyncio.create_task(follow(third, generation, late)))
        while late.tokens <= max(on_page, shown):  # noqa: ASYNC110 - the reader has no event to wait for
            await asyncio.sleep(0.005)
        resumed = time.time() - began
        await asyncio.gather(*tabs)
        for socket in (first, second, third):
            await socket.close()
        return {
            "second tab": {"bytes_to_first_tabs": two.received / one.received},
            "reload": {
                "text_back_ms": 1000 * loaded,
                "live_again_ms": 1000 * resumed,
                "missing_tokens": shown - on_page,
            },
        }

    return asyncio.run(watch())


# Sockets come first: memory that other parts have used would be used again.
PARTS: dict[str, Callable[[Product, Sizes], dict[str, Figures]]] = {
    "sockets": measure_sockets,
    "first": measure_first,
    "burst": measure_burst,
    "tabs": measure_tabs,
    "streams": measure_streams,
}


def _measure_load(product: Product, count: int, script: str, read: Read, sizes: Sizes) -> Figures:
    tokens = RATE * sizes.seconds
    before = _usage(product)
    readings = _run(product, product.people[:count], f"{script} rate={RATE} tokens={tokens}", read, within=2.0)
    figures = cpu(before, _usage(product), tokens=tokens * count)
    if script == "stamps=1":
        return delivery(readings, offered=tokens) | beginning(readings) | figures
    return figures | {"received_p50_bytes": percentile((reading.received for reading in readings), 50)}


def _usage(product: Product) -> Usage:
    return cpu_seconds(product.stack.pids) | {"client": own_cpu_seconds()}


def _run(product: Product, people: list[Person], prompt: str, read: Read, *, within: float = 0.0) -> list[Reading]:
    """All read at once, having come evenly `within` so many seconds. Who hears nothing for too long is given up."""

    async def one(number: int, person: Person) -> Reading:
        await asyncio.sleep(within * number / len(people))
        try:
            async with asyncio.timeout(_patience(prompt)):
                return await read(product.port, person, prompt)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, it is a reader who was refused
            return Reading(asked=time.time(), refused=type(error).__name__)

    async def everybody() -> list[Any]:
        return await asyncio.gather(*(one(number, person) for number, person in enumerate(people)))

    return asyncio.run(everybody())


def _patience(prompt: str) -> float:
    options = dict(option.split("=") for option in prompt.split())
    return PATIENCE_SECONDS + float(options["tokens"]) / float(options.get("rate", RATE))
