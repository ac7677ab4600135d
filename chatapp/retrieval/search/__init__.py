"""Hybrid search: vectors and full text in one SQL statement, rights inside; read `find.py` first."""

from chatapp.retrieval.search.find import (
    MAX_QUERY_CHARACTERS,
    MAX_RESULTS,
    count_withheld,
    explain_search,
    find_passages,
)
from chatapp.retrieval.search.passages import Passage
from chatapp.retrieval.search.trace import SearchTrace
from chatapp.retrieval.search.unknown import find_unknown_words

__all__ = [
    "MAX_QUERY_CHARACTERS",
    "MAX_RESULTS",
    "Passage",
    "SearchTrace",
    "count_withheld",
    "explain_search",
    "find_passages",
    "find_unknown_words",
]
