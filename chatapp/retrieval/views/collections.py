"""The list of collections, and the page of one with its documents."""

from typing import cast
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can, require
from chatapp.retrieval import selectors, services
from chatapp.retrieval.forms import CollectionForm, DocumentListForm, parse_files, parse_number, parse_search
from chatapp.retrieval.models import Collection
from chatapp.retrieval.services import Refusal
from chatapp.retrieval.shelves import opened_shelves, shelf_of


@login_required
@require_GET
def knowledge(request: HttpRequest) -> HttpResponse:
    user, search = cast("User", request.user), parse_search(request)
    page = parse_number(request.GET.get("page")) or 1
    overviews = selectors.page_of_overviews_for(user, search=search, page=page)
    context = {
        "overviews": overviews,
        "shelves": opened_shelves(user, overviews, search=search),
        "search": search,
        "query": urlencode({"q": search}),
    }
    if getattr(request, "htmx", False):
        return render(request, "retrieval/_collections.html", context)
    form = CollectionForm(selectors.list_groups()) if can(user, "retrieval.create_collection") else None
    return render(request, "retrieval/knowledge.html", {**context, "form": form})


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
    found = selectors.get_collection_for(request.user, slug)
    return render(request, "retrieval/collection.html", _listing(request, found))


@login_required
@require_http_methods(["GET", "POST"])
def documents(request: HttpRequest, slug: str) -> HttpResponse:
    """GET: the list, which asks again while something is being read. POST: files of a form."""
    user = cast("User", request.user)
    found = selectors.get_collection_for(user, slug)
    refused: list[Refusal] = []
    if request.method == "POST":
        require(user, "retrieval.upload_document", found)
        refused = services.upload_documents(user=user, collection=found, files=parse_files(request))
    return list_response(request, found, refused)


@login_required
@require_POST
def upload_files(request: HttpRequest, slug: str) -> HttpResponse:
    """What the page's script sends, a few files at a time: the answer only says which were not taken, and why."""
    user = cast("User", request.user)
    found = selectors.get_collection_for(user, slug)
    require(user, "retrieval.upload_document", found)
    refused = services.upload_documents(user=user, collection=found, files=parse_files(request))
    return JsonResponse({"refused": [{"name": one.name, "message": one.message} for one in refused]})


@login_required
@require_POST
def retry_failed(request: HttpRequest, slug: str) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_collection_for(user, slug)
    services.retry_failed(user=user, collection=found)
    return list_response(request, found)


def list_response(request: HttpRequest, found: Collection, refused: list[Refusal] | None = None) -> HttpResponse:
    is_fragment = bool(getattr(request, "htmx", False))
    if not is_fragment and not refused:
        return redirect("collection", found.slug)
    template = "retrieval/_documents.html" if is_fragment else "retrieval/collection.html"
    context = {"refused": refused, "is_answer": request.method == "POST", "is_fragment": is_fragment}
    return render(request, template, {**_listing(request, found), **context})


def _listing(request: HttpRequest, found: Collection) -> dict[str, object]:
    form = DocumentListForm(request.GET)
    page, short = parse_number(request.GET.get("page")) or 1, request.GET.get("short") == "1"
    shelf = shelf_of(cast("User", request.user), found, page=page, wanted=form.wanted(), is_short=short)
    return {"shelf": shelf, "form": form, "tab": "documents"}
