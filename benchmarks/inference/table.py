"""The results as one table: a line for each workload and figure, a column for each system."""

from collections.abc import Iterator, Mapping

from benchmarks.inference.rounds import Results

BASELINE = "llama-server"
# Further figures stand in the JSON only.
_SHOWN = {
    "tokens_per_second": "output tokens/s",
    "ttft_p50_ms": "first token p50, ms",
    "ttft_p95_ms": "first token p95, ms",
    "ttft_p50_ms_first_turn": "first turn's first token p50, ms",
    "second_to_first_turn": "second turn's first token to the first's",
    "gap_p99_ms": "gap between tokens p99, ms",
    "gap_max_ms": "longest gap, ms",
    "quoted_share": "share of quoted words",
    "cpu_seconds": "CPU seconds",
    "peak_memory_mib": "peak memory, MiB",
    "python_share": "Python's share of a full step",
}


def lines(results: Mapping[str, Mapping[str, Results]], titles: Mapping[str, str]) -> Iterator[str]:
    """Markdown. The number in brackets is the ratio to llama-server's of the same workload, see `ratios`."""
    for workload, by_system in results.items():
        medians = {system: result.medians() for system, result in by_system.items()}
        shares = ratios(by_system)
        yield f"| {titles[workload]} | {' | '.join(medians)} |"
        yield f"|---|{'---:|' * len(medians)}"
        for figure, title in _SHOWN.items():
            if any(figure in figures for figures in medians.values()):
                cells = (_cell(figures, shares.get(system, {}), figure) for system, figures in medians.items())
                yield f"| {title} | {' | '.join(cells)} |"
        settings = [f"{system}: `{result.settings}`" for system, result in by_system.items() if result.settings]
        yield from ["", "; ".join(settings), ""] if settings else [""]


def ratios(by_system: Mapping[str, Results]) -> dict[str, dict[str, float]]:
    """Each system's figures divided by llama-server's of the same round: the median of the rounds."""
    if BASELINE not in by_system:
        return {}
    return {
        system: {name: round(value, 3) for name, value in result.ratios_to(by_system[BASELINE]).items()}
        for system, result in by_system.items()
        if system != BASELINE
    }


def _cell(figures: Mapping[str, float], shares: Mapping[str, float], figure: str) -> str:
    if figure not in figures:
        return ""
    share = f" ({shares[figure]:.2f})" if figure in shares else ""
    return f"{_number(figures[figure])}{share}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
