"""How good search is for questions whose sources are known: pure functions; `services.evaluation` runs them."""

from chatapp.retrieval.evaluation.judging import CUTOFF, Judged, Source, figures_of, judge, rank_sources

__all__ = ["CUTOFF", "Judged", "Source", "figures_of", "judge", "rank_sources"]
