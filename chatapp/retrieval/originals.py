"""The bytes that somebody uploaded, given back as a file to be saved and never as a page of ours.

Attachment with a name by RFC 6266, no sniffing, and a sandbox for whatever opens it all the same.
"""

from collections.abc import AsyncIterator
from pathlib import PurePosixPath

from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from chatapp.errors import ChatappError
from chatapp.retrieval.models import DocumentVersion

_PIECE = 64 * 1024


async def original_response(version: DocumentVersion) -> StreamingHttpResponse:
    """Raises ChatappError("storage_unavailable")."""
    if not await sync_to_async(default_storage.exists)(str(version.file)):
        raise ChatappError("storage_unavailable")
    # The last part of the path: what saves it makes no folders.
    name = PurePosixPath(version.document.name).name
    headers = {
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment",
        "Content-Length": str(version.size),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingHttpResponse(_pieces(str(version.file)), content_type="application/octet-stream", headers=headers)


async def _pieces(key: str) -> AsyncIterator[bytes]:
    """Opens the file only when somebody reads: a response that is thrown away leaves none open."""
    file = await sync_to_async(default_storage.open)(key)
    try:
        while piece := await sync_to_async(file.read)(_PIECE):
            yield piece
    finally:
        file.close()
