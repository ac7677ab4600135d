"""What somebody's live answer notices of a big file that somebody else has uploaded: needs a product of its own."""

import asyncio
import time
from typing import Any

import httpx

from benchmarks.retrieval.ingestion import prose
from benchmarks.streams.figures import percentile
from benchmarks.streams.product import Product, running
from benchmarks.streams.readers import Reading, read_api

_RATE = 30
_COLLECTION = "engineering-notes"
_SETTLED = {"ready", "failed"}
_MAKE_KEY = """
from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
print("key", create_api_key(user=User.objects.get(username="ada"))[1])
"""


def measure_stream_delay(*, size: int = 5 * 1024 * 1024, seconds: int = 30, longest: float = 1_200.0) -> dict[str, Any]:
    """Milliseconds from a token's stamp to its receipt: `quiet`, and while a text of `size` bytes is ingested.

    Answers of `seconds` follow each other until the text is searchable or `longest` seconds are over.
    """
    with running(people=1, slots=2) as product:
        quiet = _lags([_read(product, seconds)])
        api = _api(product)
        began = time.monotonic()
        document = _upload(api, prose(size))
        readings: list[Reading] = []
        settled: dict[str, Any] = {}
        while settled.get("status") not in _SETTLED and time.monotonic() - began < longest:
            readings.append(_read(product, seconds))
            settled = api.get(f"/api/v1/documents/{document}").raise_for_status().json()
        return {
            "quiet": quiet,
            "ingesting": _lags(readings),
            "status": settled.get("status"),
            "chunks": settled.get("chunks"),
            "seconds": time.monotonic() - began,
        }


def _read(product: Product, seconds: int) -> Reading:
    return asyncio.run(read_api(product.port, product.people[0], f"stamps=1 rate={_RATE} tokens={_RATE * seconds}"))


def _lags(readings: list[Reading]) -> dict[str, float]:
    lags = [lag for reading in readings for lag in reading.lags]
    return {"tokens": len(lags)} | {f"p{share}_ms": percentile(lags, share) for share in (50, 99)}


def _api(product: Product) -> httpx.Client:
    lines = product.stack.manage("shell", "-c", _MAKE_KEY).splitlines()
    key = next(line.removeprefix("key ") for line in lines if line.startswith("key "))
    return httpx.Client(base_url=product.stack.base_url, headers={"Authorization": f"Bearer {key}"}, timeout=60)


def _upload(api: httpx.Client, data: bytes) -> str:
    answer = api.post("/api/v1/documents", data={"collection": _COLLECTION}, files={"file": ("manual.txt", data)})
    identity: str = answer.raise_for_status().json()["id"]
    return identity
