"""What owners change: settings, access, and the end of a collection."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can, require
from chatapp.retrieval import selectors, services
from chatapp.retrieval.forms import AccessForm, SettingsForm
from chatapp.retrieval.models import Collection
from chatapp.retrieval.shelves import shelf_of
from chatapp.retrieval.views.leaving import leave_for


@login_required
@require_http_methods(["GET", "POST"])
def collection_settings(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _owned(request, slug)
    form = SettingsForm(found, request.POST if request.method == "POST" else None)
    if not form.is_bound or not form.is_valid():
        return _page(request, found, form, status=400 if form.is_bound else 200)
    services.update_collection(user=user, collection=found, **form.cleaned_data)
    messages.info(request, "The settings are saved.")
    return redirect("collection_settings", found.slug)


@login_required
@require_POST
def collection_access(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _owned(request, slug)
    groups = AccessForm(selectors.list_groups(), request.POST).groups()
    services.set_access(user=user, collection=found, groups=groups)
    messages.info(request, "The access is saved. It holds from the next question on.")
    if can(user, "retrieval.manage_collection", found):
        return leave_for(request, "collection_settings", found.slug)
    if can(user, "retrieval.view_collection", found):
        return leave_for(request, "collection", found.slug)
    return leave_for(request, "knowledge")


@login_required
@require_POST
def reprocess_collection(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _owned(request, slug)
    services.reprocess_collection(user=user, collection=found)
    messages.info(request, "All documents are read again. Until then, answers use what was read before.")
    return leave_for(request, "collection", found.slug)


@login_required
@require_POST
def delete_collection(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _owned(request, slug)
    services.delete_collection(user=user, collection=found)
    messages.info(request, f"The collection {found.name} is deleted.")
    return leave_for(request, "knowledge")


def _owned(request: HttpRequest, slug: str) -> tuple[User, Collection]:
    """Raises ChatappError: not_found for strangers, forbidden for readers and editors."""
    user = cast("User", request.user)
    found = selectors.get_collection_for(user, slug)
    require(user, "retrieval.manage_collection", found)
    return user, found


def _page(request: HttpRequest, found: Collection, form: SettingsForm, *, status: int) -> HttpResponse:
    context = {
        "shelf": shelf_of(cast("User", request.user), found, is_short=True),
        "tab": "settings",
        "form": form,
        "access": AccessForm(selectors.list_groups(), granted=selectors.grants_of(found)),
        "extent": selectors.extent_of(found),
        "limits": services.PASSAGE_CHARACTERS,
    }
    return render(request, "retrieval/collection_settings.html", context, status=status)
