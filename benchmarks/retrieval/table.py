"""The benchmark's figures as Markdown tables, and whether its bars hold."""

from collections.abc import Iterator
from typing import Any

RECALL = 0.98
RATIO = 3.0
GROWTH = 2.0
THROUGHPUT = 0.8
STREAM_DELAY_MS = 100.0
WORKER_MIB = 1024.0
_WAYS = ("words", "vectors", "reciprocal_rank", "hybrid", "rerank")


def growth(scale: dict[str, Any]) -> float | None:
    """How much p95 for who reads everything rises from the smallest to the largest size."""
    if len(scale) < 2:
        return None
    first, *_, last = (scale[size]["all"]["search"]["p95"] for size in sorted(scale, key=int))
    return round(float(last / first), 2)


def broken_bars(results: dict[str, Any]) -> Iterator[str]:
    for name, found in results.get("quality", {}).items():
        if not found["holds"]:
            yield f"{name}: the hybrid is worse than one of its parts, or reranking makes it worse"
    scale = results.get("scale", {})
    for size, found in scale.items():
        for reader in ("all", "tenth", "hundredth"):
            if found[reader]["recall"] < RECALL:
                yield f"{size}, {reader}: recall {found[reader]['recall']} < {RECALL}"
    if scale:
        largest = max(scale, key=int)
        if scale[largest]["all"]["ratio"] > RATIO:
            yield f"{largest}: the search takes {scale[largest]['all']['ratio']} times the bare query"
    if (rise := growth(scale)) is not None and rise > GROWTH:
        yield f"p95 grows {rise} times"
    yield from _broken_by_ingestion(results)


def _broken_by_ingestion(results: dict[str, Any]) -> Iterator[str]:
    if ingestion := results.get("ingestion"):
        if ingestion["throughput"]["ratio"] < THROUGHPUT:
            yield f"ingestion has {ingestion['throughput']['ratio']:.2f} of encode's throughput"
        for name, found in ingestion["memory"].items():
            if found["mib_of_worker"] > WORKER_MIB:
                yield f"{name}: the worker takes {found['mib_of_worker']:.0f} MiB"
    streams = results.get("streams")
    if streams and (streams["ingesting"]["p99_ms"] > STREAM_DELAY_MS or streams["status"] != "ready"):
        yield f"{streams['ingesting']['p99_ms']:.0f} ms to a live answer's token while a text is {streams['status']}"


def lines(results: dict[str, Any]) -> Iterator[str]:
    if quality := results.get("quality"):
        ways = [way for way in _WAYS if any(way in found for found in quality.values())]
        yield f"| collection | documents | queries | {' | '.join(ways)} |"
        yield f"|---|{'---:|' * (len(ways) + 2)}"
        for name, found in quality.items():
            scores = " | ".join(f"{found[way]:.4f}" if way in found else "" for way in ways)
            yield f"| {name} | {found['documents']:,} | {found['queries']} | {scores} |"
    if scale := results.get("scale"):
        yield ""
        yield "| passages | reader | way | recall@10 | search p50, p95, ms | bare p50, p95, ms | ratio |"
        yield "|---:|---|---|---:|---:|---:|---:|"
        for size, found in scale.items():
            for reader in ("all", "tenth", "hundredth"):
                yield _scale_line(int(size), reader, found[reader])
        yield f"Growth of p95: {growth(scale)}"
    for part in ("ingestion", "streams"):
        for name, found in (results.get(part) or {}).items():
            yield f"{part}, {name}: {found}"


def _scale_line(size: int, reader: str, found: dict[str, Any]) -> str:
    search, bare = found["search"], found["bare"]
    return (
        f"| {size:,} | {reader} | {'scan' if found['exact'] else 'index'} | {found['recall']:.4f} "
        f"| {search['p50']:.1f}, {search['p95']:.1f} | {bare['p50']:.1f}, {bare['p95']:.1f} | {found['ratio']:.2f} |"
    )
