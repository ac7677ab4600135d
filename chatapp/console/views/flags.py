"""The queue and one flag of it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.flags import flag_detail, flag_row
from chatapp.console.read_models.queue import page_of_flags
from chatapp.console.review import BULK_BUTTONS, CHOICES, REASON_GROUPS, filter_from, query_of, statuses_with
from chatapp.console.undo_notice import undo_of
from chatapp.moderation.models import Flag
from chatapp.moderation.selectors import count_flags_for, get_flag_for, list_flag_choices
from chatapp.moderation.services import claim_next_flag, open_flag, record_flags_listed, unmask_flag


@require_GET
@console_page("moderation.review_flag")
def list_flags(request: ConsoleRequest) -> HttpResponse:
    status, narrowed, cursor = request.GET.get("status", "waiting"), filter_from(request.GET), request.GET.get("cursor")
    page = page_of_flags(request.user, status=status, narrowed=narrowed, cursor=(cursor or "")[:200])
    record_flags_listed(user=request.user, flag_ids=[row.flag.id for row in page.rows])
    context = {"page": page, "status": status, "narrowed": narrowed, "query": query_of(narrowed, status=status)}
    if request.htmx and cursor:
        return render(request, "console/_flag_page.html", context)
    counts, (checks, policies) = count_flags_for(request.user, narrowed=narrowed), list_flag_choices(request.user)
    around = {"counts": counts, "statuses": statuses_with(counts, narrowed), "checks": checks, "policies": policies}
    frame = {"tabs": tabs_for(request), "choices": CHOICES, "reasons": REASON_GROUPS, "buttons": BULK_BUTTONS}
    return render(request, "console/flags.html", {**context, **around, **frame, **undo_of(request)})


@require_GET
@console_page("moderation.review_flag")
def show_flag(request: ConsoleRequest, flag_id: UUID) -> HttpResponse:
    if request.htmx and "close" in request.GET:
        row = flag_row(get_flag_for(request.user, flag_id), user=request.user)
        return render(request, "console/_flag_row.html", {"row": row})
    return render_opened(request, open_flag(user=request.user, flag_id=flag_id))


@require_POST
@console_page("moderation.review_flag")
def claim_next(request: ConsoleRequest) -> HttpResponseRedirect:
    narrowed = filter_from(request.POST)
    flag = claim_next_flag(user=request.user, narrowed=narrowed)
    if flag is None:
        messages.info(request, "No flag is free for you.")
        return redirect(f"{reverse('console_flags')}?{query_of(narrowed)}")
    return redirect(f"{reverse('console_flag', args=[flag.id])}?{query_of(narrowed)}")


@require_POST
@console_page("moderation.unmask")
def unmask(request: ConsoleRequest, flag_id: UUID) -> HttpResponse:
    """Shown in this answer only: what is loaded again is masked again."""
    flag = unmask_flag(user=request.user, flag_id=flag_id, reason=request.POST.get("reason", ""))
    return render_opened(request, flag, unmasked=True, said="Personal data is shown. That you looked is recorded.")


def render_opened(request: ConsoleRequest, flag: Flag, *, unmasked: bool = False, **context: object) -> HttpResponse:
    detail = flag_detail(flag, user=request.user, unmasked=unmasked)
    context |= {"detail": detail, "row": detail.row, "reasons": REASON_GROUPS}
    if request.htmx:
        return render(request, "console/_flag_open.html", context)
    frame = {"tabs": tabs_for(request), "narrowed": filter_from(request.GET), **undo_of(request)}
    return render(request, "console/flag.html", {**context, **frame})
