"""D01 to D14: files that want out of their parser, into another one, or onto the network."""

import io
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.retrieval import services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS
from chatapp.retrieval.formats import Format
from chatapp.retrieval.models import Collection, DocumentStatus
from chatapp.retrieval.parsing import ParsingError, Reason
from chatapp.retrieval.parsing.limits import ARCHIVE_BYTES
from chatapp.retrieval.services import processing
from chatapp.retrieval.tests.conftest import make_docx, make_pdf
from chatapp.retrieval.tests.files import make_eml, make_xlsx, make_zip
from chatapp.retrieval.tests.reading_whole import parse_file
from chatapp.retrieval.tests.test_parsing import zip_of
from tests.listener import Listener

DOCX = make_docx(lambda document: document.add_paragraph("The pump runs at 4 bar."))


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def parse(folder: Path, kind: Format, data: bytes) -> str:
    """The text, or the reason why there is none."""
    path = folder / "upload"
    path.write_bytes(data)
    try:
        return "\n".join(block.text for block in parse_file(path, kind).blocks)
    except ParsingError as error:
        return error.reason.name


def rezipped(extra: dict[str, bytes], *, replace: dict[str, bytes] | None = None) -> bytes:
    """The Word document with further or other parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(DOCX)) as source, zipfile.ZipFile(file, "w") as target:
        for name in source.namelist():
            target.writestr(name, (replace or {}).get(name, source.read(name)))
        for name, data in extra.items():
            target.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize("name", ["../outside", "..\\outside", "/tmp/outside", "word/../../outside", "C:\\outside"])
def test_d02_an_archive_writes_nowhere(name: str, tmp_path: Path) -> None:
    before = set(tmp_path.parent.rglob("*")) | {tmp_path / "upload"}
    assert parse(tmp_path, Format.DOCX, rezipped({name: b"x"})) == Reason.DAMAGED.name
    assert set(tmp_path.parent.rglob("*")) <= before


def test_d02_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("zanzibar-77")
    link = zipfile.ZipInfo("word/document.xml")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(link, str(secret))
    found = parse(tmp_path, Format.DOCX, file.getvalue())
    assert found in Reason.__members__
    assert "zanzibar" not in found


@pytest.mark.parametrize("name", ["../outside.md", "/tmp/outside.md", "a/../../outside.md", "C:\\outside.md"])
def test_d02_a_zip_writes_nowhere(name: str, tmp_path: Path) -> None:
    before = set(tmp_path.parent.rglob("*")) | {tmp_path / "upload"}
    assert parse(tmp_path, Format.ZIP, make_zip({"a.md": b"fine", name: b"x"})) == Reason.DAMAGED.name
    assert set(tmp_path.parent.rglob("*")) <= before


def test_d02_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("zanzibar-77")
    link = zipfile.ZipInfo("a.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("b.txt", "fine")
        archive.writestr(link, str(tmp_path / "secret.txt"))
    assert parse(tmp_path, Format.ZIP, file.getvalue()) == Reason.DAMAGED.name


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_d02_a_part_that_stands_twice_is_refused(tmp_path: Path) -> None:
    assert parse(tmp_path, Format.DOCX, rezipped({"word/document.xml": b"<other/>"})) == Reason.DAMAGED.name


def test_d03_a_zip_in_a_zip_and_a_million_members_are_refused(tmp_path: Path) -> None:
    inner = zip_of(word__document_xml=b"0" * 1_000_000)
    assert parse(tmp_path, Format.DOCX, zip_of(**{f"inner{n}.zip": inner for n in range(20)})) == Reason.NOT_OFFICE.name
    members = zip_of(**{f"p{n}": b"" for n in range(20_000)})
    assert parse(tmp_path, Format.DOCX, members) == Reason.TOO_LARGE.name


@pytest.mark.parametrize("kind", [Format.XLSX, Format.PPTX, Format.ZIP])
def test_d03_bombs_of_other_formats_are_never_unpacked(kind: Format, tmp_path: Path) -> None:
    part = {Format.XLSX: "xl/workbook.xml", Format.PPTX: "ppt/presentation.xml", Format.ZIP: "a.txt"}[kind]
    bomb = make_zip({part: b"<a/>", "filler.txt": b"0" * (ARCHIVE_BYTES + 1)})
    assert len(bomb) < 1_000_000
    assert parse(tmp_path, kind, bomb) == Reason.TOO_LARGE.name


def test_d03_a_directory_that_lies_about_sizes_unpacks_to_no_more(tmp_path: Path) -> None:
    """The directory says 10 bytes, the member would be 50 MB: no more than was declared is ever unpacked."""
    data = bytearray(make_zip({"a.txt": b"word " * 10_000_000}))
    place = data.rindex(b"PK\x01\x02")
    data[place + 24 : place + 28] = (10).to_bytes(4, "little")
    assert parse(tmp_path, Format.ZIP, bytes(data)) == Reason.NO_MEMBERS.name


def test_d03_a_sheet_of_far_away_cells_costs_only_itself(tmp_path: Path) -> None:
    def build(workbook: Any) -> None:
        workbook.active["A1"], workbook.active["XFD1"], workbook.active["B900000"] = "near", "right", "far below"

    assert parse(tmp_path, Format.XLSX, make_xlsx(build)) == "Prices\nnear | right\nfar below"


def test_d03_d04_markup_without_end_costs_only_itself(tmp_path: Path) -> None:
    for page in (b"<div>" * 100_000, b"<table><tr><td>" * 20_000, b"<ul><li>" * 50_000, b"<b" * 500_000):
        found = parse(tmp_path, Format.HTML, page + b"The end.")
        assert found in Reason.__members__ or found.strip("- \n") in {"The end.", ""}
    spans = b"<table>" + b"<tr><td rowspan=9999 colspan=9999>x<td>y" * 100 + b"</table>"
    assert parse(tmp_path, Format.HTML, spans) == Reason.TOO_LARGE.name


def cyclic_pdf() -> bytes:
    """Pages that are their own children, and a table of references that leads back to itself."""
    return (
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R/Outlines 3 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2147483647/Parent 2 0 R>>endobj\n"
        b"3 0 obj<</First 3 0 R/Next 3 0 R/Last 3 0 R>>endobj\n"
        b"xref\n0 1\n0000000000 65535 f \ntrailer<</Root 1 0 R/Size 4/Prev 180>>\nstartxref\n180\n%%EOF"
    )


def endless_stream_pdf() -> bytes:
    return make_pdf("Title\nText").replace(b"/Length ", b"/Length 99999999999 % ")


@pytest.mark.parametrize(
    "data",
    [
        cyclic_pdf(),
        endless_stream_pdf(),
        make_pdf("Title\nText").replace(b"endobj", b"endobjendobj"),
        b"%PDF-1.7\n" + b"1 0 obj<</A " * 20_000,
        b"%PDF-1.7\n" + b"[" * 200_000,
        make_pdf("Title\nText").replace(b"/Kids [", b"/Kids [1 0 R 1 0 R "),
    ],
    ids=["cycle", "length", "objects", "dictionaries", "brackets", "kids"],
)
def test_d04_a_broken_pdf_costs_only_itself(data: bytes, tmp_path: Path) -> None:
    found = parse(tmp_path, Format.PDF, data)
    assert found in Reason.__members__ or "Text" in found
    assert parse(tmp_path, Format.PDF, make_pdf("Title\nText")).endswith("Text")


@pytest.mark.parametrize("kind", ["dtd", "late", "entity", "template", "styles"])
def test_d05_d06_a_word_document_reaches_no_network(kind: str, listener: Listener, tmp_path: Path) -> None:
    head = {
        "dtd": f'<?xml version="1.0"?><!DOCTYPE a SYSTEM "{listener.url}"><a/>',
        "late": f'<?xml version="1.0"?><!--{" " * 100_000}--><!DOCTYPE a SYSTEM "{listener.url}"><a/>',
        "entity": f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "{listener.url}">]><a>&x;</a>',
    }.get(kind)
    relation = (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
        f'attachedTemplate" TargetMode="External" Target="{listener.url}"/></Relationships>'
    ).encode()
    if head:
        data = rezipped({}, replace={"word/document.xml": head.encode()})
    elif kind == "template":
        data = rezipped({"word/_rels/settings.xml.rels": relation})
    else:
        data = rezipped({"word/_rels/styles.xml.rels": relation})
    found = parse(tmp_path, Format.DOCX, data)
    assert found == (Reason.ENTITIES.name if head else "The pump runs at 4 bar.")
    assert listener.calls == 0


def test_d06_a_text_or_pdf_that_names_addresses_reaches_no_network(listener: Listener, tmp_path: Path) -> None:
    url = listener.url
    text = f"# A\n\n![x]({url}) <img src={url}> <{url}>\n\n[r]: {url}\n\n<iframe src={url}></iframe>\n\nThe end."
    assert "The end." in parse(tmp_path, Format.MD, text.encode())
    assert "The end." in parse(tmp_path, Format.TXT, text.encode())
    pdf = make_pdf("Title\nText").replace(
        b"/Type /Catalog", f"/Type /Catalog /OpenAction<</S/URI/URI({url})>>".encode()
    )
    assert "Text" in parse(tmp_path, Format.PDF, pdf)
    assert listener.calls == 0


def test_d05_d06_office_files_with_entities_are_refused(listener: Listener, tmp_path: Path) -> None:
    bad = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "{listener.url}">]><a>&x;</a>'.encode()
    for kind, part in ((Format.XLSX, "xl/workbook.xml"), (Format.PPTX, "ppt/presentation.xml")):
        assert parse(tmp_path, kind, make_zip({part: bad})) == Reason.ENTITIES.name
    assert listener.calls == 0


def test_d06_pages_mails_and_slides_reach_no_network(listener: Listener, tmp_path: Path) -> None:
    url = listener.url
    page = (
        f"<!DOCTYPE html SYSTEM '{url}'><html><head><base href='{url}'><link rel=stylesheet href='{url}'>"
        f"<meta http-equiv=refresh content='0;url={url}'></head><body background='{url}'><img src='{url}'>"
        f"<iframe src='{url}'></iframe><object data='{url}'></object><p style='background:url({url})'>The end.</p>"
    )
    assert "The end." in parse(tmp_path, Format.HTML, page.encode())
    assert "The end." in parse(tmp_path, Format.EML, make_eml("Hi", "", html=page))
    external = f"Content-Type: message/external-body; access-type=URL; URL={url}\nSubject: x\n\nThe end."
    parse(tmp_path, Format.EML, external.encode())
    assert "The end." in parse(tmp_path, Format.ZIP, make_zip({"a.html": page.encode()}))

    def build(workbook: Any) -> None:
        workbook.active.append(["The end.", f'=WEBSERVICE("{url}")', f'=HYPERLINK("{url}")'])
        workbook.active["A1"].hyperlink = url

    assert "The end." in parse(tmp_path, Format.XLSX, make_xlsx(build))
    assert listener.calls == 0


@pytest.fixture
def notes(alice: User, ada: User, monkeypatch: pytest.MonkeyPatch) -> Collection:
    vector = [1.0] + [0.0] * (EMBEDDING_DIMENSIONS - 1)
    monkeypatch.setattr(processing, "embed_texts", lambda texts, **_: [vector] * len(texts))
    return services.create_collection(user=ada, slug="notes", name="Notes", groups={"engineering": "editor"})


NAMES = [
    "../../x.txt", "..\\x.txt", "/etc/passwd.txt", "%2e%2e/x.txt", "a\x00.txt", "x.txt.", "x" * 5_000 + ".txt",
    "-rf.txt", "--help.txt", "-oX.txt", "CON.txt", "\u202etxt.exe.txt", "a;rm -rf ~.txt", "$(id).txt", "`id`.txt",
    "a\nb.txt", "' OR 1=1 --.txt", "100%_\\.txt", "<img src=x onerror=alert(1)>.txt",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:20]))
def test_d01_d11_d12_a_name_is_only_shown(name: str, notes: Collection, alice: User) -> None:
    document = services.upload_document(
        user=alice, collection=notes, name=name, data=b"Some text.", media_type="text/plain"
    )
    services.process_document(document_id=document.pk)
    document.refresh_from_db()
    assert document.status == DocumentStatus.READY
    assert len(document.name) <= 200
    assert not set(document.name) & set("\\\x00\n\u202e")
    assert not {"", ".", ".."} & set(document.name.split("/"))
    path = document.versions.get().file.name
    assert path.startswith("documents/")
    assert path.removeprefix("documents/").isalnum()


def test_d13_a_second_upload_of_a_name_never_replaces_for_those_who_only_read(
    notes: Collection, alice: User, bob: User
) -> None:
    notes.access.create(group=bob.groups.get(name="sales"), role="reader")
    first = services.upload_document(
        user=alice, collection=notes, name="plan.txt", data=b"True.", media_type="text/plain"
    )
    with pytest.raises(ChatappError) as caught:
        services.upload_document(user=bob, collection=notes, name="plan.txt", data=b"False.", media_type="text/plain")
    assert caught.value.code == "forbidden"
    with first.versions.get().file.open("rb") as stored:
        assert stored.read() == b"True."


@pytest.mark.parametrize(
    "name,media_type,data",
    [
        ("page.html", "application/octet-stream", b"\xff\xd8\xff<script>alert(1)</script>"),
        ("page.txt", "text/html", b"<script>alert(1)</script>"),
        ("drawing.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("image.png", "image/png", b"<html><script>alert(1)</script>"),
        ("both.html", "application/pdf", b"<script>alert(1)</script>%PDF-1.7"),
        ("both.txt", "text/plain", b"<script>alert(1)</script>\n%PDF-1.7"),
        ("macro.docm", "application/octet-stream", DOCX),
    ],
)
def test_c09_d09_what_a_browser_would_run_is_not_taken(
    name: str, media_type: str, data: bytes, notes: Collection, alice: User
) -> None:
    with pytest.raises(ChatappError) as caught:
        services.upload_document(user=alice, collection=notes, name=name, data=data, media_type=media_type)
    assert (caught.value.code, caught.value.status) == ("file_type", 415)
    assert not notes.documents.exists()
