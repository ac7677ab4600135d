"""Every security case has a test or a reason, and the documentation says which."""

import pytest

from tests.security.cases import CASES, DOES_NOT_APPLY, find_tests, ids_of
from tests.security.report import outcomes, summarize
from tests.security.table import DOCUMENT, with_table


def test_every_case_has_a_test_or_a_reason() -> None:
    missing = CASES.keys() - find_tests().keys() - DOES_NOT_APPLY.keys()
    assert sorted(missing) == []


def test_a_case_that_does_not_apply_is_known_and_has_no_test() -> None:
    assert DOES_NOT_APPLY.keys() <= CASES.keys()
    assert DOES_NOT_APPLY.keys() & find_tests().keys() == set()
    assert all(len(reason) > 20 for reason in DOES_NOT_APPLY.values())


def test_no_test_names_a_case_that_does_not_exist() -> None:
    assert find_tests().keys() <= CASES.keys()


def test_the_documentation_holds_the_table() -> None:
    text = DOCUMENT.read_text()
    assert with_table(text) == text, "run python -m tests.security.table"
    assert "| E13 |" in text


@pytest.mark.parametrize(
    "name, cases",
    [
        ("test_b11_a_token", {"B11"}),
        ("test_a13_and_a14_an_address[c05-x]", {"A13", "A14"}),
        ("test_a09_a12_and_a14_a_body", {"A09", "A12", "A14"}),
        ("test_every_b11_token", set()),
        ("test_f01_something", set()),
    ],
)
def test_a_name_begins_with_its_cases(name: str, cases: set[str]) -> None:
    assert ids_of(name) == cases


def test_a_case_holds_when_all_its_tests_passed() -> None:
    held = outcomes(
        passed=["x/test_a.py::test_a01_one", "x/test_a.py::test_a02_one", "x/test_b.py::test_other"],
        others=["x/test_a.py::test_a02_two[param]", "x/test_b.py::test_a03_is_skipped"],
    )
    assert held == {"A01": True, "A02": False, "A03": False}
    line = summarize(held)
    assert line.startswith("Security cases: 1 of ")
    assert "; not held: A02, A03" in line
    assert not summarize({})
