"""The child: `python -m chatapp.retrieval.parsing FORMAT PATH` writes one JSON object to standard output."""

import importlib
import json
import sys
from pathlib import Path

from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.limits import MAX_CHARACTERS, apply_limits


def read(kind: Format, path: Path) -> Parsed:
    if path.stat().st_size == 0:
        raise ParsingError(Reason.EMPTY)
    parsed: Parsed = importlib.import_module(f"chatapp.retrieval.parsing.{kind.value}").parse(path)
    length = sum(len(block.text) for block in parsed.blocks)
    if length > MAX_CHARACTERS:
        raise ParsingError(Reason.TOO_LARGE)
    if not any(character.isalnum() for block in parsed.blocks for character in block.text):
        raise ParsingError(Reason.NO_TEXT)
    return parsed


def main(kind: str, path: str) -> None:
    apply_limits()
    try:
        answer = read(Format(kind), Path(path)).as_dict()
    except ParsingError as error:
        answer = {"error": error.reason.name}
    except (MemoryError, RecursionError):
        answer = {"error": Reason.TOO_LARGE.name}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
