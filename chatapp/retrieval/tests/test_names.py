import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.retrieval.names import clean_name, clean_path


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


@pytest.mark.parametrize(
    "path,expected",
    [
        ("a/b.md", "a/b.md"),
        ("docs/./../x/b.md", "docs/x/b.md"),
        ("../../etc/passwd.txt", "etc/passwd.txt"),
        ("C:\\temp\\notes.md", "temp/notes.md"),
        ("/absolute//two.txt", "absolute/two.txt"),
        ("a\x00b/ c .txt", "ab/c .txt"),
        ("folder/", "folder/document"),
        ("\u202ea/b.txt", "a/b.txt"),
        ("", "document"),
    ],
)
def test_d01_path_keeps_its_folders_and_leads_nowhere(path: str, expected: str) -> None:
    assert clean_path(path) == expected


def test_d01_long_paths_stay_apart() -> None:
    names = {clean_path(f"{'folder/' * 60}{number}/plan.md") for number in range(3)}
    assert len(names) == 3
    assert all(len(name) <= 255 and name.endswith("/plan.md") for name in names)


@given(st.text(max_size=600))
def test_d01_no_path_leads_out(path: str) -> None:
    cleaned = clean_path(path)
    assert 0 < len(cleaned) <= 255
    assert not set(cleaned) & set("\\\x00")
    assert all(part and part not in {".", ".."} for part in cleaned.split("/"))
