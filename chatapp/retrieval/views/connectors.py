"""Connectors of a collection, for its owners. To readers and editors they are forbidden; by id, unknown."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can, require
from chatapp.errors import ChatappError
from chatapp.retrieval import selectors, services
from chatapp.retrieval.connector_forms import FORMS, ConnectorForm
from chatapp.retrieval.forms import parse_number
from chatapp.retrieval.models import Collection, Connector, ConnectorKind
from chatapp.retrieval.shelves import shelf_of
from chatapp.retrieval.sync_pages import place_of, sync_view_of
from chatapp.retrieval.views.leaving import leave_for


@login_required
@require_GET
def connectors(request: HttpRequest, slug: str) -> HttpResponse:
    user, found = _owned(request, slug)
    listed = [(one, place_of(one)) for one in selectors.list_connectors_for(user, found)]
    may_change = can(user, "retrieval.change_connectors", found)
    context = {"connectors": listed, "kinds": ConnectorKind.choices, "may_change": may_change}
    return _render(request, "connectors.html", found, context)


@login_required
@require_http_methods(["GET", "POST"])
def new_connector(request: HttpRequest, slug: str, kind: str) -> HttpResponse:
    user, found = _owned(request, slug)
    require(user, "retrieval.change_connectors", found)
    form = _form_of(kind)(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            made = services.create_connector(
                user=user,
                collection=found,
                kind=kind,
                name=form.cleaned_data["name"],
                config=form.config(),
                secret=form.new_secret() or "",
                every_minutes=form.cleaned_data["every_minutes"],
            )
        except ChatappError as error:
            form.add_error(None, error.message)
        else:
            return redirect("connector", made.pk)
    context = {"form": form, "label": ConnectorKind(kind).label}
    return _render(request, "connector_form.html", found, context, status=400 if form.is_bound else 200)


@login_required
@require_GET
def connector(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """The page, or for htmx the part of it that changes while a sync runs."""
    user = cast("User", request.user)
    found = selectors.get_connector_for(user, connector_id)
    view = sync_view_of(user, found, page=parse_number(request.GET.get("page")) or 1)
    if getattr(request, "htmx", False):
        return render(request, "retrieval/_connector_state.html", {"view": view})
    return _render(request, "connector.html", found.collection, {"view": view})


@login_required
@require_http_methods(["GET", "POST"])
def change_connector(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_connector_for(user, connector_id)
    require(user, "retrieval.change_connectors", found.collection)
    form = _form_of(found.kind)(request.POST if request.method == "POST" else None, connector=found)
    if form.is_bound and form.is_valid() and _change(user, found, form):
        messages.info(request, "The connector is saved. The next sync uses it.")
        return redirect("connector", found.pk)
    context = {"form": form, "label": found.get_kind_display(), "connector": found}
    return _render(request, "connector_form.html", found.collection, context, status=400 if form.is_bound else 200)


@login_required
@require_POST
def sync_connector(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    """`mode`: empty, `failed` (only what failed before) or `remove` (most documents may go)."""
    user = cast("User", request.user)
    found, mode = selectors.get_connector_for(user, connector_id), request.POST.get("mode")
    services.start_sync(user=user, connector=found, only_failed=mode == "failed", may_remove_many=mode == "remove")
    return leave_for(request, "connector", found.pk)


@login_required
@require_POST
def cancel_sync(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_connector_for(user, connector_id)
    services.cancel_sync(user=user, connector=found)
    return leave_for(request, "connector", found.pk)


@login_required
@require_POST
def pause_connector(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_connector_for(user, connector_id)
    services.pause_connector(user=user, connector=found, paused=request.POST.get("paused") == "1")
    return leave_for(request, "connector", found.pk)


@login_required
@require_POST
def delete_connector(request: HttpRequest, connector_id: UUID) -> HttpResponse:
    user = cast("User", request.user)
    found = selectors.get_connector_for(user, connector_id)
    keep = request.POST.get("documents") != "remove"
    services.delete_connector(user=user, connector=found, keep_documents=keep)
    rest = "Its documents stay." if keep else "Its documents are being removed."
    messages.info(request, f"The connector {found.name} is deleted. {rest}")
    return leave_for(request, "connectors", found.collection.slug)


def _owned(request: HttpRequest, slug: str) -> tuple[User, Collection]:
    """Raises ChatappError: not_found for strangers, forbidden for readers and editors."""
    user = cast("User", request.user)
    found = selectors.get_collection_for(user, slug)
    require(user, "retrieval.manage_connectors_of", found)
    return user, found


def _form_of(kind: str) -> type[ConnectorForm]:
    """Raises ChatappError("not_found")."""
    if kind not in FORMS:
        raise ChatappError("not_found")
    return FORMS[kind]


def _change(user: User, found: Connector, form: ConnectorForm) -> bool:
    try:
        services.change_connector(
            user=user,
            connector=found,
            name=form.cleaned_data["name"],
            config=form.config(),
            secret=form.new_secret(),
            every_minutes=form.cleaned_data["every_minutes"],
        )
    except ChatappError as error:
        form.add_error(None, error.message)
        return False
    return True


def _render(
    request: HttpRequest, template: str, found: Collection, context: dict[str, object], *, status: int = 200
) -> HttpResponse:
    shelf = shelf_of(cast("User", request.user), found, is_short=True)
    whole = {"shelf": shelf, "tab": "connectors", **context}
    return render(request, f"retrieval/{template}", whole, status=status)
