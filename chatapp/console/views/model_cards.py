"""One version: its card, what is done with its life, and versions made of it."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chatapp.accounts.permissions import can
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.clone_forms import CloneForm
from chatapp.console.read_models.model_cards import model_card
from chatapp.console.read_models.version_diffs import diff_fields, diff_texts
from chatapp.console.read_models.versions import standing_of, version_row
from chatapp.console.selectors import get_shown_version_for, list_shown_versions_for, list_workers_with_versions_for
from chatapp.errors import ChatappError
from chatapp.inference import services
from chatapp.inference.models import ModelVersion
from chatapp.inference.selectors import get_version_for

_REFUSALS = {400, 409}


def _verify(request: ConsoleRequest, version: ModelVersion, _reason: str) -> str:
    services.request_download(version, user=request.user)
    return f"A worker looks at {version.name}."


def _cancel(request: ConsoleRequest, version: ModelVersion, _reason: str) -> str:
    services.cancel_download(user=request.user, version=version)
    return "It was stopped. What is here by now is of use for a day."


def _reject(request: ConsoleRequest, version: ModelVersion, reason: str) -> str:
    services.reject_version(user=request.user, version=version, reason=reason)
    return f"{version.name} was rejected and answers nobody."


def _retire(request: ConsoleRequest, version: ModelVersion, reason: str) -> str:
    services.retire_version(user=request.user, version=version, reason=reason)
    return f"{version.name} is retired and answers nobody any more."


def _restore(request: ConsoleRequest, version: ModelVersion, reason: str) -> str:
    services.restore_version(user=request.user, version=version, reason=reason)
    return f"{version.name} was taken back."


STEPS: dict[str, Callable[[ConsoleRequest, ModelVersion, str], str]] = {
    "verify": _verify,
    "cancel": _cancel,
    "reject": _reject,
    "retire": _retire,
    "restore": _restore,
}


@require_GET
@console_page("inference.view_version")
def show_model(request: ConsoleRequest, version_id: UUID) -> HttpResponse:
    return _page(request, version_id)


@require_POST
@console_page("inference.register_version")
def take_step(request: ConsoleRequest, version_id: UUID, step: str) -> HttpResponse:
    version = get_version_for(request.user, version_id)
    try:
        said = STEPS[step](request, version, request.POST.get("reason", ""))
    except ChatappError as error:
        if error.status not in _REFUSALS:
            raise
        return _page(request, version_id, said=error.message, status=error.status)
    return _page(request, version_id, said=said)


@require_POST
@console_page("inference.register_version")
def write_card(request: ConsoleRequest, version_id: UUID) -> HttpResponse:
    version = get_version_for(request.user, version_id)
    services.describe_version(user=request.user, version=version, card=request.POST.get("card", ""))
    messages.success(request, f"The card of {version.name} is written.")
    return redirect("console_model", version_id)


@require_http_methods(["GET", "POST"])
@console_page("inference.register_version")
def clone(request: ConsoleRequest, version_id: UUID) -> HttpResponse:
    version = get_version_for(request.user, version_id)
    form = CloneForm(version, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            made = services.clone_version(
                user=request.user, version=version, name=form.cleaned_data["name"], changes=form.changes()
            )
        except ChatappError as error:
            if error.status not in _REFUSALS:
                raise
            form.refuse(error)
        else:
            messages.success(request, f"{made.name} is made of {version.name}. It answers nobody yet.")
            return redirect("console_model", made.pk)
    context = {"tabs": tabs_for(request), "form": form, "version": version}
    return render(request, "console/model_clone.html", context, status=400 if form.errors else 200)


@require_GET
@console_page("inference.view_version")
def compare(request: ConsoleRequest) -> HttpResponse:
    left, right = (_chosen(request, side) for side in ("left", "right"))
    context: dict[str, object] = {"left": left, "right": right, "versions": list_shown_versions_for(request.user)}
    if left and right:
        context |= {"fields": diff_fields(left, right), "texts": diff_texts(left, right)}
    return render(request, "console/model_diff.html", {"tabs": tabs_for(request), **context})


def _chosen(request: ConsoleRequest, side: str) -> ModelVersion | None:
    """None while nothing is chosen. Raises ChatappError("not_found")."""
    given = request.GET.get(side, "")
    if not given:
        return None
    try:
        return get_shown_version_for(request.user, UUID(given))
    except ValueError:
        raise ChatappError("not_found") from None


def _page(request: ConsoleRequest, version_id: UUID, *, said: str = "", status: int = 200) -> HttpResponse:
    """What a page without script shows of a refusal is the same page with its sentence."""
    version = get_shown_version_for(request.user, version_id)
    standing = standing_of(version, user=request.user, workers=list_workers_with_versions_for(request.user))
    context = {
        "row": version_row(standing, user=request.user),
        "card": model_card(version, user=request.user),
        "may_see_gates": can(request.user, "evaluation.view_gate"),
        "may_roll_out": can(request.user, "inference.manage_rollout"),
        "said": said,
        "refused": status != 200,
    }
    template = "console/_model.html" if request.htmx else "console/model.html"
    return render(request, template, {"tabs": tabs_for(request), **context}, status=status)
