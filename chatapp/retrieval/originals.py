"""The bytes that somebody uploaded, given back as a file to be saved and never as a page of ours.

Attachment with a name by RFC 6266, no sniffing, and a sandbox for whatever opens it all the same.
"""

from collections.abc import AsyncIterator
from pathlib import PurePosixPath

from asgiref.sync import sync_to_async
from django.core.files import File
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from chatapp.errors import ChatappError
from chatapp.retrieval.models import DocumentVersion

_PIECE = 64 * 1024


async def original_response(version: DocumentVersion) -> StreamingHttpResponse:
    """Raises ChatappError("storage_unavailable")."""
    try:
        file = await sync_to_async(version.file.open)("rb")
    except OSError as error:
        raise ChatappError("storage_unavailable") from error
    # The last part of the path: what saves it makes no folders.
    name = PurePosixPath(version.document.name).name
    headers = {
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment",
        "Content-Length": str(version.size),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingHttpResponse(_pieces(file), content_type="application/octet-stream", headers=headers)


async def _pieces(file: "File[bytes]") -> AsyncIterator[bytes]:
    try:
        while piece := await sync_to_async(file.read)(_PIECE):
            yield piece
    finally:
        file.close()
