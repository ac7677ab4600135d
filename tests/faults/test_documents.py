"""F31: what a user keeps when documents are poison: each fails for itself with a reason, and chat goes on."""

import io
import zipfile
from typing import Any
from uuid import uuid4

import pytest

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


@pytest.mark.fault("F31")
def test_poison_documents_fail_with_a_reason_and_others_are_read(scene: Scene, prove: Prove) -> None:
    ada = FaultClient(scene.stack, "ada")
    sent = scene.alice.send("rate=20 tokens=100")
    poison = {
        "broken.pdf": b"%PDF-1.7\n" + b"\0garbage" * 500,
        "bomb.docx": bomb(),
        "cut.docx": bomb()[:900],
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
