"""Pictures of pages in the storage: drawn when they are asked for, gone with the file that they show."""

import shutil
import tempfile
from pathlib import Path
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from chatapp.retrieval.formats import MEDIA_TYPES, Format
from chatapp.retrieval.models import DocumentVersion
from chatapp.retrieval.page_images import FOLDER, KEPT, image_key, image_prefix
from chatapp.retrieval.page_images.child import draw_file


def draw_page(*, version_id: UUID, page: int) -> bool:
    """For a worker. False when the page cannot be drawn, or its version is gone."""
    version = DocumentVersion.objects.filter(pk=version_id, media_type=MEDIA_TYPES[Format.PDF]).first()
    if version is None or not 1 <= page <= (version.pages or 0):
        return False
    key = image_key(str(version.file.name), page)
    if default_storage.exists(key):
        return True
    image = _draw(version, page)
    if image is None:
        return False
    if len(_list_images()) >= KEPT:
        discard_images("")
    stored = default_storage.save(key, ContentFile(image))
    # Deleted meanwhile: then nobody else removes it. Drawn by another worker meanwhile: the storage found a new name.
    is_gone = not DocumentVersion.objects.filter(pk=version_id).exists()
    if is_gone or stored != key:
        default_storage.delete(stored)
    return not is_gone


def discard_images_of(file: str) -> None:
    """To be called when the stored file goes."""
    discard_images(image_prefix(file))


def discard_images(prefix: str) -> None:
    for name in _list_images():
        if name.startswith(prefix):
            default_storage.delete(f"{FOLDER}/{name}")


def _list_images() -> list[str]:
    try:
        return list(default_storage.listdir(FOLDER)[1])
    except FileNotFoundError:
        return []


def _draw(version: DocumentVersion, page: int) -> bytes | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        try:
            with version.file.open("rb") as stored, path.open("wb") as copy:
                shutil.copyfileobj(stored, copy)
        except OSError:
            return None
        return draw_file(path, page)
