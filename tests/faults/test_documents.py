"""F31: what a user keeps when documents are poison: each fails for itself with a reason, and chat goes on."""

import io
import zipfile
from typing import Any
from uuid import uuid4

import pytest

from chatapp.retrieval.formats import OLE_MAGIC
from tests.faults.client import FaultClient, wait
from tests.faults.conftest import Prove
from tests.faults.scene import Scene
from tests.faults.watching import numbers_in

pytestmark = pytest.mark.faults
SETTLED = {"ready", "failed"}
COLLECTION = "engineering-notes"


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"\0" * 300_000_000)
    return packed.getvalue()


def many_pages() -> bytes:
    """One page that stands 6,000 times in the list of pages."""
    pages = b" ".join([b"3 0 R"] * 6_000)
    return (
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Count 6000/Kids[" + pages + b"]>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n"
        b"trailer<</Root 1 0 R/Size 4>>\n%%EOF"
    )


@pytest.mark.fault("F31")
def test_poison_documents_fail_with_a_reason_and_others_are_read(scene: Scene, prove: Prove) -> None:
    ada = FaultClient(scene.stack, "ada")
    sent = scene.alice.send("rate=20 tokens=100")
    poison = {
        "broken.pdf": b"%PDF-1.7\n" + b"\0garbage" * 500,
        "bomb.docx": bomb(),
        "cut.docx": bomb()[:900],
        "empty.eml": b"",
        "locked.pptx": OLE_MAGIC + bytes(600),
        "bomb.zip": bomb(),
        "deep.html": b"<div>" * 200_000,
        "crowd.pdf": many_pages(),
    }
    taken: dict[str, str] = {}
    for name, data in {**poison, "good.md": f"# A good document\n\nIt says {uuid4()}.".encode()}.items():
        response = ada.http.post(
            "/api/v1/documents", data={"collection": COLLECTION}, files={"file": (f"{uuid4()}-{name}", data)}
        )
        if response.status_code == 202:
            taken[name] = response.json()["id"]
        else:
            assert name in poison, response.text
            assert response.json()["title"], response.text
    assert "good.md" in taken
    for name, document in taken.items():
        settled = wait_settled(ada, document)
        assert (settled["status"] == "ready") == (name == "good.md"), settled
        assert bool(settled["error"]) == (name != "good.md")
        assert bool(settled["chunks"]) == (name == "good.md")
    ended = scene.wait_status(sent, "complete", "interrupted")
    assert (ended["status"], numbers_in(ended["text"])) == ("complete", list(range(100)))
    for document in taken.values():
        assert ada.http.delete(f"/api/v1/documents/{document}").status_code == 204
    ada.close()
    prove()


def wait_settled(client: FaultClient, document: str) -> dict[str, Any]:
    def probe() -> dict[str, Any] | None:
        found: dict[str, Any] = client.http.get(f"/api/v1/documents/{document}").json()
        return found if found["status"] in SETTLED else None

    settled: dict[str, Any] = wait(120, probe)
    return settled
