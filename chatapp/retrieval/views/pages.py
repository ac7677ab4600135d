"""Documents and their text. Each view parses, calls one selector or service, and renders."""

from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.models import User
from chatapp.retrieval import selectors, services
from chatapp.retrieval.forms import parse_number
from chatapp.retrieval.passage_pages import document_context
from chatapp.retrieval.rendering import passages_of
from chatapp.retrieval.views.collections import list_response


@login_required
@require_GET
def document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_document_for(user, document_id)
    version = selectors.get_version_for(user, document_id, parse_number(request.GET.get("version")))
    start = parse_number(request.GET.get("from")) or 0
    only = request.GET.get("only", "")
    chunks, following = selectors.page_of_passages_for(user, version, start=start, only=only)
    context = {"document": found, "version": version, "passages": passages_of(chunks), "following": following}
    return render(
        request, "retrieval/document.html", {**context, "only": only, **document_context(user, found, version)}
    )


@login_required
@require_POST
def retry_document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_document_for(user, document_id)
    services.retry_document(user=user, document=found)
    return list_response(request, found.collection)


@login_required
@require_POST
def delete_document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_document_for(user, document_id)
    services.delete_document(user=user, document=found)
    return list_response(request, found.collection)
