"""The results as Markdown: a line for each case, a column for each figure; and the bars where there is one."""

import math
from collections.abc import Iterator, Mapping

from benchmarks.streams.figures import Figures

Results = Mapping[str, Mapping[str, Figures]]

_TITLES = {
    "refused": "refused",
    "delivered_share": "delivered",
    "lag_p50_ms": "lag p50, ms",
    "lag_p99_ms": "lag p99, ms",
    "lag_settled_p99_ms": "lag p99 once all run, ms",
    "acknowledged_p50_ms": "acknowledged p50, ms",
    "first_token_p50_ms": "first token p50, ms",
    "first_token_p95_ms": "first token p95, ms",
    "cpu_web": "web",
    "cpu_worker": "worker",
    "cpu_valkey": "Valkey",
    "cpu_postgres": "PostgreSQL",
    "cpu_rest": "rest",
    "cpu_product": "CPU s per 1,000 tokens",
    "cpu_client": "readers' CPU s",
    "received_p50_bytes": "bytes received p50",
    "kib_per_socket": "KiB per socket",
    "bytes_to_first_tabs": "bytes to the first tab's",
    "text_back_ms": "text back, ms",
    "live_again_ms": "live again, ms",
    "missing_tokens": "tokens missing on the page",
}
# Part, case, figure, the most that it may be.
BARS = (
    ("first", "api", "first_token_p50_ms", 30.0),
    ("first", "pages", "first_token_p50_ms", 30.0),
    ("burst", "api", "first_token_p50_ms", 600.0),
    ("burst", "pages", "first_token_p50_ms", 600.0),
    ("streams", "10 api", "cpu_product", 0.15),
    ("streams", "10 pages, Markdown", "cpu_product", 0.45),
    ("streams", "200 api", "lag_p99_ms", 150.0),
    ("streams", "200 pages", "lag_p99_ms", 1500.0),
    ("tabs", "reload", "text_back_ms", 300.0),
)


def lines(results: Results) -> Iterator[str]:
    for part, cases in results.items():
        shown = [name for name in _TITLES if any(name in figures for figures in cases.values())]
        yield f"| {part} | {' | '.join(_TITLES[name] for name in shown)} |"
        yield f"|---|{'---:|' * len(shown)}"
        for case, figures in cases.items():
            yield f"| {case} | {' | '.join(_number(figures.get(name)) for name in shown)} |"
        yield ""
    yield from _verdicts(results)


def _verdicts(results: Results) -> Iterator[str]:
    yield "| figure | measured | bar | |"
    yield "|---|---:|---:|---|"
    for part, case, name, most in BARS:
        found = results.get(part, {}).get(case, {}).get(name)
        if found is not None:
            yield f"| {case}: {_TITLES[name]} | {_number(found)} | {_number(most)} | {_verdict(found, most)} |"


def _verdict(found: float, most: float) -> str:
    if math.isnan(found):
        return "not measured"
    return "held" if found <= most else f"missed, {found / most:.1f} times"


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
