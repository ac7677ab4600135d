"""The files of the store of models, and removing those that nothing needs."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.inference.selectors.stored_weights import StoredWeights, list_stored_weights
from chatapp.inference.tasks import remove_stored_weights
from chatapp.retrieval.client import wait_for

MAX_REMOVED = 100


@require_GET
@console_page("inference.view_version")
def show_store(request: ConsoleRequest) -> HttpResponse:
    """With `?chosen=` it says what would go, and what would stay for which reason."""
    stored, chosen = list_stored_weights(), set(request.GET.getlist("chosen"))
    going = [weights for weights in stored if weights.sha256 in chosen and weights.may_go]
    context = {
        "stored": stored,
        "going": going,
        "total": _bytes(stored),
        "freed": _bytes(going),
        "chosen": chosen,
    }
    return render(request, "console/model_store.html", {"tabs": tabs_for(request), **context})


@require_POST
@console_page("inference.remove_weights")
def remove(request: ConsoleRequest) -> HttpResponse:
    """By a worker, whose machine has the store; what came to be needed meanwhile stays."""
    hashes = [sha256[:64] for sha256 in request.POST.getlist("chosen")[:MAX_REMOVED]]
    gone = wait_for(lambda: remove_stored_weights.delay(str(request.user.pk), hashes), refusal="store_unavailable")
    stay = len(hashes) - len(gone)
    said = f"Removed from the store: {len(gone)}." + (f" Needed, and so kept: {stay}." if stay else "")
    (messages.success if gone else messages.error)(request, said)
    return redirect("console_store")


def _bytes(stored: list[StoredWeights]) -> int:
    return sum(weights.size_bytes for weights in stored)
