import re
from io import BytesIO
from typing import get_args

import docx
import pypdfium2
import pytest

from chatapp.demo.blocks import parse_blocks
from chatapp.demo.documents import render_document
from chatapp.demo.formats.text import write_text
from chatapp.demo.sources import Format, Source, load_sources

SOURCES = load_sources()
BODY = """Intro with **bold**, *italic* and `code`.

## Section

- first
- second

1. one
2. two

| Item | Price |
|---|---|
| Gauge | £12 |
| Long pipe | £7 |

```
run --now
```
"""


def source(kind: Format) -> Source:
    return Source(slug="sample", title="Sample", collection="handbook", format=kind, body=BODY)


def text_of(rendered: bytes, kind: Format) -> str:
    if kind == "pdf":
        pages = pypdfium2.PdfDocument(rendered)
        return "\n".join(page.get_textpage().get_text_range() for page in pages)
    if kind == "docx":
        document = docx.Document(BytesIO(rendered))
        cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
        return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])
    return rendered.decode()


def words(text: str) -> list[str]:
    return re.findall(r"[\w£]+", text)


@pytest.mark.parametrize("kind", get_args(Format))
def test_every_format_keeps_all_words(kind: Format) -> None:
    found = words(text_of(render_document(source(kind)), kind))
    missing = [
        word for word in words("Sample Intro bold italic code Section first two Gauge £12 run now") if word not in found
    ]
    assert missing == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.slug)
def test_a_document_is_the_same_bytes_each_time_and_says_what_its_source_says(source: Source) -> None:
    rendered = render_document(source)
    assert rendered == render_document(source)
    # Word counts list items itself, so their numbers are not in the file.
    plain = re.sub(r"^\d+\. ", "", write_text(parse_blocks(source.markdown)).decode(), flags=re.MULTILINE)
    assert set(words(plain)) - set(words(text_of(rendered, source.format))) == set()


def test_a_text_table_has_aligned_columns() -> None:
    lines = render_document(source("txt")).decode().splitlines()
    assert lines[lines.index("Item       Price") + 1 :][:3] == ["---------  -----", "Gauge      £12", "Long pipe  £7"]


def test_a_pdf_table_is_read_row_by_row() -> None:
    assert "Long pipe £7" in text_of(render_document(source("pdf")), "pdf")


def test_a_long_document_has_several_pages() -> None:
    travel = next(source for source in SOURCES if source.slug == "travel-and-expenses")
    assert len(pypdfium2.PdfDocument(render_document(travel))) > 1


def test_word_uses_its_own_styles() -> None:
    document = docx.Document(BytesIO(render_document(source("docx"))))
    styles = [paragraph.style and paragraph.style.name for paragraph in document.paragraphs]
    assert styles[:5] == ["Heading 1", "Normal", "Heading 2", "List Bullet", "List Bullet"]
    assert [cell.text for cell in document.tables[0].rows[1].cells] == ["Gauge", "£12"]


@pytest.mark.parametrize("body", ["> quoted\n", "- one\n  - nested\n", "<b>raw</b>\n", "[link](https://example.com)\n"])
def test_a_construct_that_no_format_can_write_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match=r"no format has a way to write|must be one paragraph"):
        parse_blocks(body)
