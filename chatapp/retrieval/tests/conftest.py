import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docx
import fpdf
import pytest
from django.contrib.auth.models import Group

from chatapp.accounts.models import Role, User
from chatapp.retrieval import services
from chatapp.retrieval.formats import Format
from chatapp.retrieval.models import Collection, Document
from chatapp.retrieval.parsing import Block, Parsed
from chatapp.retrieval.parsing.reading import read


@dataclass(frozen=True)
class People:
    """alice edits the engineering notes, bob reads them, mallory sees nothing, ada made the collection."""

    ada: User
    alice: User
    bob: User
    mallory: User


@pytest.fixture
def people(db: None) -> People:
    def person(name: str, role: Role = Role.EMPLOYEE, group: str | None = None) -> User:
        user = User.objects.create_user(username=name, roles=[role.value])
        if group:
            user.groups.add(Group.objects.get_or_create(name=group)[0])
        return user

    return People(
        ada=person("ada", Role.ADMINISTRATOR),
        alice=person("alice", group="engineering"),
        bob=person("bob", group="sales"),
        mallory=person("mallory"),
    )


@pytest.fixture
def notes(people: People) -> Collection:
    return services.create_collection(
        user=people.ada, slug="notes", name="Notes", groups={"engineering": "editor", "sales": "reader"}
    )


Upload = Callable[..., Document]


@pytest.fixture
def upload(people: People, notes: Collection) -> Upload:
    """Uploads as alice and, unless told otherwise, processes at once in this process."""

    def run(name: str, data: bytes, *, process: bool = True, collection: Collection = notes) -> Document:
        document = services.upload_document(
            user=people.alice, collection=collection, name=name, data=data, media_type="application/octet-stream"
        )
        if process:
            services.process_document(document_id=document.pk)
            document.refresh_from_db()
        return document

    return run


def make_pdf(*pages: str, title: str = "", password: str | None = None) -> bytes:
    """Each page is a heading line, then its text."""
    pdf = fpdf.FPDF()
    pdf.set_title(title)
    if password:
        pdf.set_encryption(owner_password="owner", user_password=password)
    for page in pages:
        heading, _, body = page.partition("\n")
        pdf.add_page()
        pdf.set_font("Helvetica", size=18)
        pdf.multi_cell(0, 10, heading, new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("Helvetica", size=11)
        pdf.multi_cell(0, 6, body, new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


def make_docx(build: Callable[[docx.document.Document], object]) -> bytes:
    document = docx.Document()
    build(document)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


@contextmanager
def parsing_here(path: Path, kind: Format) -> Iterator[tuple[Parsed, Iterator[Block]]]:
    """In place of the parser's process, where many harmless files are read."""
    parsed = read(kind, path)
    yield parsed, iter(parsed.blocks)
