"""Collections, documents and their text. Each view parses, calls one selector or service, and renders."""

from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can, require
from chatapp.retrieval import selectors, services
from chatapp.retrieval.forms import CollectionForm, parse_files, parse_number
from chatapp.retrieval.models import Collection
from chatapp.retrieval.rendering import passages_of, shelf_of
from chatapp.retrieval.services import Refusal


@login_required
@require_GET
def knowledge(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    shelves = [shelf_of(user, collection) for collection in selectors.list_collections_for(user)]
    shelves.sort(key=lambda shelf: not shelf.may_upload)
    form = CollectionForm(selectors.list_groups()) if can(user, "retrieval.create_collection") else None
    return render(request, "retrieval/knowledge.html", {"shelves": shelves, "form": form})


@login_required
@require_POST
def create_collection(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    require(user, "retrieval.create_collection")
    form = CollectionForm(selectors.list_groups(), request.POST.dict())
    if not form.is_valid():
        return render(request, "retrieval/new_collection.html", {"form": form}, status=400)
    name, slug = form.cleaned_data["name"], form.cleaned_data["slug"]
    created = services.create_collection(user=user, slug=slug, name=name, groups=form.groups())
    return redirect("collection", created.slug)


@login_required
@require_GET
def collection(request: HttpRequest, slug: str) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_collection_for(user, slug)
    page = parse_number(request.GET.get("page")) or 1
    return render(request, "retrieval/collection.html", {"shelf": shelf_of(user, found, page=page)})


@login_required
@require_http_methods(["GET", "POST"])
def documents(request: HttpRequest, slug: str) -> HttpResponse:
    """GET: the list, which asks again while something is being read. POST: new files."""
    user = cast("User", request.user)
    found = selectors.get_collection_for(user, slug)
    refused: list[Refusal] = []
    if request.method == "POST":
        require(user, "retrieval.upload_document", found)
        refused = services.upload_documents(user=user, collection=found, files=parse_files(request.FILES))
    return _list_response(request, found, refused)


@login_required
@require_GET
def document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_document_for(user, document_id)
    version = selectors.get_version_for(user, document_id, parse_number(request.GET.get("version")))
    start = parse_number(request.GET.get("from")) or 0
    chunks, following = selectors.page_of_passages_for(user, version, start=start)
    context = {"document": found, "version": version, "passages": passages_of(chunks), "following": following}
    return render(request, "retrieval/document.html", context)


@login_required
@require_POST
def retry_document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_document_for(user, document_id)
    services.retry_document(user=user, document=found)
    return _list_response(request, found.collection)


@login_required
@require_POST
def delete_document(request: HttpRequest, document_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_document_for(user, document_id)
    services.delete_document(user=user, document=found)
    return _list_response(request, found.collection)


def _list_response(request: HttpRequest, found: Collection, refused: list[Refusal] | None = None) -> HttpResponse:
    if not getattr(request, "htmx", False) and not refused:
        return redirect("collection", found.slug)
    page = parse_number(request.GET.get("page")) or 1
    shelf = shelf_of(cast("User", request.user), found, page=page)
    template = "retrieval/_documents.html" if getattr(request, "htmx", False) else "retrieval/collection.html"
    return render(request, template, {"shelf": shelf, "refused": refused, "is_answer": request.method == "POST"})
