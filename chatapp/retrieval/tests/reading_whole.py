"""What the parser's child says of a file, all of it at once."""

from dataclasses import replace
from pathlib import Path

from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import Parsed
from chatapp.retrieval.parsing.child import parsing
from chatapp.retrieval.parsing.limits import WALL_SECONDS


def parse_file(path: Path, kind: Format, *, wall_seconds: float = WALL_SECONDS) -> Parsed:
    """Raises ParsingError."""
    with parsing(path, kind, wall_seconds=wall_seconds) as (parsed, blocks):
        return replace(parsed, blocks=list(blocks))
