"""`python -m tests.security.table`: writes the table of the security cases into docs/security.md."""

import re
from pathlib import Path

from chatapp.runtime.files import CHECKOUT
from tests.security.cases import CASES, DOES_NOT_APPLY, find_tests

DOCUMENT = CHECKOUT / "docs" / "security.md"
_PLACE = re.compile(r"(?<=<!-- cases -->\n).*?(?=<!-- /cases -->)", re.DOTALL)


def table() -> str:
    rows = [f"| {case} | {title} | {_where(case)} |" for case, title in CASES.items()]
    return "\n".join(["| case | what is tried | tested in |", "|---|---|---|", *rows, ""])


def with_table(text: str) -> str:
    return _PLACE.sub(lambda _: table(), text)


def _where(case: str) -> str:
    if case in DOES_NOT_APPLY:
        return f"does not apply: {DOES_NOT_APPLY[case]}"
    return ", ".join(f"`{_short(path)}`" for path in find_tests().get(case, [])) or "no test yet"


def _short(path: str) -> str:
    """`retrieval/test_search` for chatapp/retrieval/tests/test_search.py; others as they are."""
    parts = Path(path).with_suffix("").parts
    return "/".join(part for part in parts if part not in {"chatapp", "tests"} or part == parts[0] == "tests")


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
