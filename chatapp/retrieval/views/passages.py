"""What editors do with single passages, as fragments of the document's page."""

from collections.abc import Callable
from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.retrieval import selectors, services
from chatapp.retrieval.models import Chunk
from chatapp.retrieval.passage_pages import passage_context


@login_required
@require_GET
def passage(request: HttpRequest, chunk_id: UUID) -> HttpResponse:
    return _fragment(request, selectors.get_passage_for(request.user, chunk_id))


@login_required
@require_http_methods(["GET", "POST"])
def edit_passage(request: HttpRequest, chunk_id: UUID) -> HttpResponse:
    """GET: the form in place of the passage. POST: the new text."""
    user, chunk = cast("User", request.user), selectors.get_passage_for(request.user, chunk_id)
    require(user, "retrieval.edit_passage", chunk)
    if request.method == "GET":
        return render(request, "retrieval/_passage_form.html", {"chunk": chunk, "limit": services.TEXT_MAX_CHARACTERS})
    services.edit_passage(user=user, chunk=chunk, text=request.POST.get("text", ""))
    return _fragment(request, chunk, said="The passage is changed. Search finds it again in a moment.")


@login_required
@require_POST
def disable_passage(request: HttpRequest, chunk_id: UUID) -> HttpResponse:
    return _change(request, chunk_id, services.disable_passage, "Search does not find the passage any more.")


@login_required
@require_POST
def enable_passage(request: HttpRequest, chunk_id: UUID) -> HttpResponse:
    return _change(request, chunk_id, services.enable_passage, "Search finds the passage again in a moment.")


@login_required
@require_POST
def release_passage(request: HttpRequest, chunk_id: UUID) -> HttpResponse:
    return _change(request, chunk_id, services.release_passage, "The passage is released. Search finds it in a moment.")


def _change(request: HttpRequest, chunk_id: UUID, change: Callable[..., Chunk], said: str) -> HttpResponse:
    user, chunk = cast("User", request.user), selectors.get_passage_for(request.user, chunk_id)
    change(user=user, chunk=chunk)
    return _fragment(request, chunk, said=said)


def _fragment(request: HttpRequest, chunk: Chunk, *, said: str = "") -> HttpResponse:
    if not getattr(request, "htmx", False):
        document_id, version = chunk.version.document_id, chunk.version.number
        return redirect(selectors.passage_url(document_id=document_id, version=version, ordinal=chunk.ordinal))
    fresh = selectors.get_passage_for(request.user, chunk.pk)
    context = {**passage_context(cast("User", request.user), fresh), "said": said}
    return render(request, "retrieval/_passage.html", context)
