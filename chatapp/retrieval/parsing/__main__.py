"""The child: `python -m chatapp.retrieval.parsing FORMAT PATH` writes JSON lines to standard output."""

import json
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import ParsingError, Reason
from chatapp.retrieval.parsing.limits import apply_limits
from chatapp.retrieval.parsing.reading import read


def read_as_json(kind: Format, path: Path) -> Iterator[dict[str, Any]]:
    """First what is said of the whole file, or `error` with the name of a Reason; then each block."""
    try:
        parsed = read(kind, path)
    except ParsingError as error:
        yield {"error": error.reason.name}
        return
    except (MemoryError, RecursionError):
        yield {"error": Reason.TOO_LARGE.name}
        return
    except Exception:  # noqa: BLE001 (what the libraries raise on broken files is not a closed list)
        traceback.print_exc()
        yield {"error": Reason.UNREADABLE.name}
        return
    yield {"title": parsed.title, "pages": parsed.pages, "notes": parsed.notes}
    yield from map(asdict, parsed.blocks)


def main(kind: str, path: str) -> None:
    apply_limits()
    for line in read_as_json(Format(kind), Path(path)):
        print(json.dumps(line))  # noqa: T201 (this is the answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
