import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.retrieval.names import clean_name


@pytest.mark.parametrize(
    "name,expected",
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\temp\\notes.md", "notes.md"),
        ("/absolute.txt", "absolute.txt"),
        ("a\x00b.txt", "ab.txt"),
        ("report.txt...", "report.txt"),
        ("..", "document"),
        ("", "document"),
        ("\u202egnp.txt", "gnp.txt"),
        ("--help", "--help"),
        ("  two   words.txt ", "two words.txt"),
        ("a\ud800.txt", "a.txt"),
    ],
)
def test_d01_name_is_metadata(name: str, expected: str) -> None:
    assert clean_name(name) == expected


def test_d01_long_name_keeps_its_ending() -> None:
    name = clean_name("n" * 5_000 + ".pdf")
    assert len(name) == 200
    assert name.endswith(".pdf")


@given(st.text(max_size=400))
def test_d01_no_name_is_a_path(name: str) -> None:
    cleaned = clean_name(name)
    assert 0 < len(cleaned) <= 200
    assert not set(cleaned) & set("/\\\x00")
    assert cleaned not in {".", ".."}
