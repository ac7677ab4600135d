"""What the formats beside text, Markdown, PDF and Word become."""

import datetime as dt
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pptx.util import Inches

from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import BlockKind, ParsingError, Reason
from chatapp.retrieval.parsing.limits import ARCHIVE_BYTES, MEMBERS, TABLE_COLUMNS
from chatapp.retrieval.parsing.separated import sniff_delimiter
from chatapp.retrieval.tests.files import make_eml, make_pptx, make_xlsx, make_zip, read_bytes, texts

PAGE = b"""<html><head><title>The  guide</title><style>p { color: red }</style></head><body>
<nav>Home | Login</nav><h1>Leave &amp; <em>holidays</em></h1>
<p>First<br>line of <b>many</b>.</p><!-- a comment --><script>alert("script")</script>
<ul><li>Apply<ul><li>in the portal</li></ul></li><li><p>Wait</p></li></ul><ol><li>One</li><li>Two</li></ol>
<table><caption>Prices</caption><thead><tr><th>Name</th><th colspan="2">Price</th></tr></thead>
<tr><td rowspan=2>Bolt</td><td>1</td><td>2 | 3</td></tr><tr><td>4</td><td>5</td></tr></table>
<pre>def run():
    pass</pre><template>template</template></body></html>"""


def test_html_keeps_headings_lists_tables_and_code(tmp_path: Path) -> None:
    parsed = read_bytes(Format.HTML, PAGE, tmp_path)
    assert parsed.title == "The guide"
    assert [(block.kind, block.text) for block in parsed.blocks] == [
        (BlockKind.HEADING, "Leave & holidays"),
        (BlockKind.TEXT, "First\nline of many."),
        (BlockKind.TEXT, "- Apply"),
        (BlockKind.TEXT, "- in the portal"),
        (BlockKind.TEXT, "- Wait"),
        (BlockKind.TEXT, "1. One"),
        (BlockKind.TEXT, "2. Two"),
        (BlockKind.TEXT, "Prices"),
        (
            BlockKind.TABLE,
            "| Name | Price | Price |\n| --- | --- | --- |\n| Bolt | 1 | 2 \\| 3 |\n| Bolt | 4 | 5 |",
        ),
        (BlockKind.CODE, "def run():\n    pass"),
    ]
    assert parsed.notes == []


def test_html_of_an_encoding_that_it_names(tmp_path: Path) -> None:
    page = "<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'><p>Привет, мир"
    assert texts(read_bytes(Format.HTML, page.encode("cp1251"), tmp_path)) == ["Привет, мир"]


def test_html_tables_that_arrange_a_page_are_no_tables(tmp_path: Path) -> None:
    page = b"<table><tr><td><table><tr><td>Dear Ann,</td></tr></table></td><td><h2>News</h2>More.</td></tr></table>"
    assert texts(read_bytes(Format.HTML, page, tmp_path)) == ["Dear Ann,", "News", "More."]


def test_html_entities_spell_nothing_invisible(tmp_path: Path) -> None:
    page = b"<p>vis&#x200b;ible&#xE0041;&#xE0042;</p><h2>he&#x2060;ad</h2>"
    assert texts(read_bytes(Format.HTML, page, tmp_path)) == ["visible", "head"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_finds_its_delimiter(delimiter: str, tmp_path: Path) -> None:
    rows = [["Name", "Price", "Note"], ["Bolt", "1.50", '"a, b; c"'], ["Nut", "2.50", ""]]
    data = "\n".join(delimiter.join(row) for row in rows).encode()
    assert sniff_delimiter(data.decode()) == delimiter
    assert texts(read_bytes(Format.CSV, data, tmp_path)) == [
        "| Name | Price | Note |\n| --- | --- | --- |\n| Bolt | 1.50 | a, b; c |\n| Nut | 2.50 |  |"
    ]


def test_csv_as_excel_writes_it(tmp_path: Path) -> None:
    data = 'sep=;\r\nName;Preis\r\nGröße "L";"1,5\r\nnetto"\r\n;\r\n'.encode("cp1252")
    table = '| Name | Preis |\n| --- | --- |\n| Größe "L" | 1,5 netto |'
    assert texts(read_bytes(Format.CSV, data, tmp_path)) == [table]


def test_csv_of_one_column_is_lines(tmp_path: Path) -> None:
    parsed = read_bytes(Format.CSV, b"first\nsecond\n", tmp_path)
    assert [(block.kind, block.text) for block in parsed.blocks] == [(BlockKind.TEXT, "first\nsecond")]


def test_csv_with_more_columns_than_a_table_has(tmp_path: Path) -> None:
    line = ",".join("x" * (TABLE_COLUMNS + 1))
    with pytest.raises(ParsingError) as caught:
        read_bytes(Format.CSV, f"{line}\n{line}".encode(), tmp_path)
    assert caught.value.reason is Reason.TOO_LARGE


def test_excel_has_sheets_values_and_dates_but_no_formulas(tmp_path: Path) -> None:
    def build(workbook: Any) -> None:
        sheet = workbook.active
        for row in (["Region", "Sales", None, "Share"], ["North", 1, 2.5, 0.125], ["South", True, "=1+2", None]):
            sheet.append(row)
        sheet.merge_cells("B1:C1")
        sheet["D2"].number_format = "0.0%"
        sheet["A6"], sheet["B6"], sheet["C6"] = "Day", dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 2, 13, 5)  # noqa: DTZ001
        sheet["A7"], sheet["A8"] = "tall", None
        sheet.merge_cells("A7:A8")
        sheet["B7"], sheet["B8"] = "one", "two"
        workbook.create_sheet("Secret")["A1"] = "WALRUS"
        workbook["Secret"].sheet_state = "hidden"
        workbook.create_sheet("Empty")

    parsed = read_bytes(Format.XLSX, make_xlsx(build), tmp_path)
    assert texts(parsed) == [
        "Prices",
        (
            "| Region | Sales | Sales | Share |\n| --- | --- | --- | --- |\n| North | 1 | 2.5 | 12.5% |\n"
            "| South | yes |  |  |"
        ),
        "| Day | 2024-01-02 | 2024-01-02 13:05 |\n| --- | --- | --- |\n| tall | one |  |\n| tall | two |  |",
    ]
    assert parsed.blocks[0].kind is BlockKind.HEADING
    assert parsed.notes == [
        (
            "Formulas without a saved value were left out: 1. Open the file in a spreadsheet program, save it and "
            "upload it again."
        ),
        "Hidden sheets were left out: Secret.",
    ]


def test_slides_are_pages_with_titles_tables_and_notes(tmp_path: Path) -> None:
    def build(presentation: Any) -> None:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = "The plan"
        body = slide.placeholders[1].text_frame
        body.text = "Grow\nin the north"
        body.paragraphs[1].level = 1
        table = slide.shapes.add_table(2, 2, Inches(1), Inches(5), Inches(4), Inches(1)).table
        for index, text in enumerate(["Year", "Sales", "2024", "7"]):
            table.cell(index // 2, index % 2).text = text
        slide.notes_slide.notes_text_frame.text = "Speak slowly."
        presentation.slides.add_slide(presentation.slide_layouts[6]).shapes.add_textbox(
            Inches(1), Inches(1), Inches(3), Inches(1)
        ).text_frame.text = "No title here"

    parsed = read_bytes(Format.PPTX, make_pptx(build), tmp_path)
    assert parsed.pages == 2
    assert [(block.kind, block.page, block.text) for block in parsed.blocks] == [
        (BlockKind.HEADING, 1, "The plan"),
        (BlockKind.TEXT, 1, "Grow\n- in the north"),
        (BlockKind.TABLE, 1, "| Year | Sales |\n| --- | --- |\n| 2024 | 7 |"),
        (BlockKind.TEXT, 1, "Notes: Speak slowly."),
        (BlockKind.HEADING, 2, "Slide 2"),
        (BlockKind.TEXT, 2, "No title here"),
    ]


def test_mail_has_its_subject_people_text_and_attachments(tmp_path: Path) -> None:
    attachments = {"prices.csv": b"a,b\n1,2\n", "virus.exe": b"MZ", "broken.pdf": b"%PDF-1.7", "more.zip": make_zip({})}
    data = make_eml("Größe", "Hello Bob\n\n> What I wrote\n", html="<p>As HTML", attachments=attachments)
    parsed = read_bytes(Format.EML, data, tmp_path)
    assert parsed.title == "Größe"
    assert [(block.level, block.text) for block in parsed.blocks] == [
        (1, "Größe"),
        (0, "From: Ann Lee <ann@example.org>\nTo: bob@example.org\nDate: Mon, 03 Jun 2024 10:00:00 +0000"),
        (0, "Hello Bob"),
        (0, "> What I wrote"),
        (2, "prices.csv"),
        (0, "| a | b |\n| --- | --- |\n| 1 | 2 |"),
    ]
    assert parsed.notes == [
        (
            "3 of 4 attachments could not be read: virus.exe (Files of this type cannot be read here), broken.pdf "
            "(The file is damaged or incomplete), more.zip (Archives inside other files are not opened)."
        )
    ]


def test_mail_in_html_and_a_forwarded_one(tmp_path: Path) -> None:
    inner = EmailMessage()
    inner["Subject"] = "Old news"
    inner.set_content("It was so.")
    outer = EmailMessage()
    outer["Subject"] = "Fwd"
    outer.set_content("<h2>Look</h2><p>below<script>alert(1)</script>", subtype="html")
    outer.add_attachment(inner)
    parsed = read_bytes(Format.EML, outer.as_bytes(), tmp_path)
    assert [(block.level, block.text) for block in parsed.blocks] == [
        (1, "Fwd"),
        (2, "Look"),
        (0, "below"),
        (2, "Old news.eml"),
        (4, "Old news"),
        (0, "It was so."),
    ]


def test_zip_puts_each_file_below_its_path(tmp_path: Path) -> None:
    workbook = make_xlsx(lambda workbook: workbook.active.append(["a", "b"]))
    members = {
        "docs/guide.md": b"# Guide\n\nText.", "prices.xlsx": workbook, "__MACOSX/._guide.md": b"x", "empty/": b"",
        "virus.exe": b"MZ", "inner.zip": make_zip({"a.txt": b"a"}), "nothing.txt": b"",
        "mail.eml": make_eml("Hi", "Yes"),
    }  # fmt: skip
    parsed = read_bytes(Format.ZIP, make_zip(members), tmp_path)
    assert [(block.level, block.text) for block in parsed.blocks if block.kind is BlockKind.HEADING] == [
        (0, "docs/guide.md"), (2, "Guide"), (0, "prices.xlsx"), (1, "Prices"), (0, "mail.eml"), (2, "Hi"),
    ]  # fmt: skip
    assert parsed.notes == [
        (
            "3 of 6 files could not be read: virus.exe (Files of this type cannot be read here), inner.zip "
            "(Archives inside other files are not opened), nothing.txt (The file is empty)."
        )
    ]


def reason_of(data: bytes, folder: Path, kind: Format = Format.ZIP) -> Reason:
    with pytest.raises(ParsingError) as caught:
        read_bytes(kind, data, folder)
    return caught.value.reason


def test_d03_the_limits_hold_over_all_files_of_an_archive(tmp_path: Path) -> None:
    half = make_zip({"word/document.xml": b"0" * (ARCHIVE_BYTES // 2 + 1)})
    assert reason_of(make_zip({"a.docx": half, "b.docx": half}), tmp_path) is Reason.TOO_LARGE
    text = b"word " * 700_000
    assert reason_of(make_zip({f"{number}.txt": text for number in range(3)}), tmp_path) is Reason.TOO_LARGE
    assert reason_of(make_zip({f"{number}.txt": b"x" for number in range(MEMBERS + 1)}), tmp_path) is Reason.TOO_LARGE


def test_an_archive_of_nothing_that_can_be_read(tmp_path: Path) -> None:
    assert reason_of(make_zip({}), tmp_path) is Reason.NO_MEMBERS
    assert reason_of(make_zip({"a.exe": b"MZ"}), tmp_path) is Reason.NO_MEMBERS


def test_mails_inside_mails_end_somewhere(tmp_path: Path) -> None:
    data = make_eml("Deepest", "WALRUS")
    for number in range(8):
        data = make_eml(f"Mail {number}", "text", attachments={"inner.eml": data})
    found = read_bytes(Format.EML, data, tmp_path)
    assert "Mail 4" in " ".join(texts(found))
    assert "WALRUS" not in " ".join(texts(found))
    assert "Archives inside other files are not opened" in " ".join(found.notes)
