"""The child: `python -m chatapp.retrieval.parsing FORMAT PATH` writes one JSON object to standard output."""

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import ParsingError, Reason
from chatapp.retrieval.parsing.limits import apply_limits
from chatapp.retrieval.parsing.reading import read


def read_as_json(kind: Format, path: Path) -> dict[str, Any]:
    """`Parsed.as_dict`, or `error` with the name of a Reason."""
    try:
        return read(kind, path).as_dict()
    except ParsingError as error:
        return {"error": error.reason.name}
    except (MemoryError, RecursionError):
        return {"error": Reason.TOO_LARGE.name}
    except Exception:  # noqa: BLE001 (what the libraries raise on broken files is not a closed list)
        traceback.print_exc()
        return {"error": Reason.UNREADABLE.name}


def main(kind: str, path: str) -> None:
    apply_limits()
    json.dump(read_as_json(Format(kind), Path(path)), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
