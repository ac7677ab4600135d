"""How good search is for questions whose sources are known.

`metrics` and `judging` measure, `files` and `quoting` make questions, `showing` and `pages` show what came out;
`services.evaluation` runs them.
"""

from chatapp.retrieval.evaluation.judging import CUTOFF, Judged, Source, figures_of, judge, rank_sources

__all__ = ["CUTOFF", "Judged", "Source", "figures_of", "judge", "rank_sources"]
