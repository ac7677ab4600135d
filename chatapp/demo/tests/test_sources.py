from collections import Counter
from pathlib import Path

import pytest

from chatapp.demo.sources import Source, load_sources

SOURCES = load_sources()


def test_the_company_has_enough_documents_in_every_format() -> None:
    formats = Counter(source.format for source in SOURCES)
    assert len(SOURCES) >= 34
    assert set(formats) == {"md", "txt", "pdf", "docx"}
    assert min(formats.values()) >= 5


def test_every_document_belongs_to_a_known_collection() -> None:
    assert {source.collection for source in SOURCES} == {"handbook", "engineering-notes"}


def test_names_and_titles_are_unique() -> None:
    assert len({source.file_name for source in SOURCES}) == len(SOURCES)
    assert len({source.title for source in SOURCES}) == len(SOURCES)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.slug)
def test_a_document_has_the_length_and_structure_of_a_real_one(source: Source) -> None:
    assert 250 <= len(source.body.split()) <= 900
    assert source.body.count("\n## ") >= 2


@pytest.mark.parametrize(
    "text",
    [
        "# No front matter\n",
        "---\ntitle: Half\n",
        "---\ntitle: A\ncollection: handbook\n---\n\nText\n",
        "---\ntitle: A\ncollection: handbook\nformat: odt\n---\n\nText\n",
        "---\nno colon\n---\n\nText\n",
        "Before\n---\ntitle: A\ncollection: handbook\nformat: md\n---\n\nText\n",
    ],
)
def test_a_source_with_bad_front_matter_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "wrong.md").write_text(text)
    with pytest.raises(ValueError, match=r"^wrong\.md: unusable front matter"):
        load_sources(tmp_path)
