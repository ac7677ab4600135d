"""Versions of a document: their files, and bringing an old one back."""

from typing import cast
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.retrieval import selectors, services
from chatapp.retrieval.originals import original_response
from chatapp.retrieval.views.leaving import leave_for


@login_required
@require_GET
async def download_version(request: HttpRequest, document_id: UUID, number: int) -> StreamingHttpResponse:
    user = cast("User", await request.auser())
    return await original_response(await sync_to_async(selectors.get_numbered_version_for)(user, document_id, number))


@login_required
@require_POST
def restore_version(request: HttpRequest, document_id: UUID, number: int) -> HttpResponse:
    user = cast("User", request.user)
    version = selectors.get_numbered_version_for(user, document_id, number)
    require(user, "retrieval.restore_version", version.document)
    restored = services.restore_version(user=user, version=version)
    messages.info(request, f"Version {number} is coming back as version {restored.number}. Answers use it soon.")
    return leave_for(request, "document", document_id)
