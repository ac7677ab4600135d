from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.indexes import collections_to_evaluate, folders_to_choose, index_rows
from chatapp.errors import ChatappError
from chatapp.retrieval import services
from chatapp.retrieval.selectors import get_collection_for, get_index_for

_ACTIONS = {
    "pause": (services.pause_index, "{model} pauses."),
    "resume": (services.resume_index, "{model} goes on."),
    "abort": (services.abort_index, "The index with {model} is given up. Its vectors are being deleted."),
    "swap": (services.swap_index, "Search reads the index with {model} from now on."),
    "back": (services.roll_back_index, "Search reads the index with {model} again."),
}


@require_GET
@console_page("retrieval.manage_indexes")
def list_indexes(request: ConsoleRequest) -> HttpResponse:
    return _page(request)


@require_POST
@console_page("retrieval.manage_indexes")
def start(request: ConsoleRequest) -> HttpResponse:
    try:
        index = services.start_index(user=request.user, model=request.POST.get("model", ""))
    except ChatappError as error:
        return _refused(request, error)
    return _done(request, f"An index with {index.model} is being made. Search goes on with the one that serves.")


@require_POST
@console_page("retrieval.manage_indexes")
def change(request: ConsoleRequest, index_id: int, action: str) -> HttpResponse:
    if action not in _ACTIONS:
        raise ChatappError("not_found")
    do, said = _ACTIONS[action]
    index = get_index_for(request.user, index_id)
    try:
        do(user=request.user, index=index)
    except ChatappError as error:
        return _refused(request, error)
    return _done(request, said.format(model=index.model))


@require_POST
@console_page("retrieval.manage_indexes")
def evaluate(request: ConsoleRequest, index_id: int) -> HttpResponse:
    index = get_index_for(request.user, index_id)
    collection = get_collection_for(request.user, request.POST.get("collection", ""))
    try:
        services.run_evaluation(collection=collection, index=index, actor=request.user)
    except ChatappError as error:
        return _refused(request, error)
    return _done(request, f"The questions of {collection.name} are being asked with {index.model}.")


def _refused(request: ConsoleRequest, error: ChatappError) -> HttpResponse:
    """What the operator can do something about is said above the indexes as they stand now."""
    if error.status not in {400, 409}:
        raise error
    if not request.htmx:
        messages.error(request, error.message)
        return redirect("console_indexes")
    return _page(request, said=error.message, refused=True, status=error.status)


def _done(request: ConsoleRequest, said: str) -> HttpResponse:
    if not request.htmx:
        messages.success(request, said)
        return redirect("console_indexes")
    return _page(request, said=said)


def _page(request: ConsoleRequest, *, said: str = "", refused: bool = False, status: int = 200) -> HttpResponse:
    usable, broken = folders_to_choose()
    context = {
        "tabs": tabs_for(request),
        "rows": index_rows(request.user),
        "folders": usable,
        "broken": broken,
        "collections": collections_to_evaluate(request.user),
        "said": said,
        "refused": refused,
    }
    template = "console/_indexes.html" if request.htmx else "console/indexes.html"
    return render(request, template, context, status=status)
