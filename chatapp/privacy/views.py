from collections.abc import AsyncIterator
from typing import cast
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.files import File
from django.core.files.storage import default_storage
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.models import User
from chatapp.accounts.settings_pages import SettingsRequest, settings_tabs
from chatapp.privacy.selectors.erasures import find_open_erasure
from chatapp.privacy.selectors.exports import list_exports_for
from chatapp.privacy.services import erasures, exports
from chatapp.privacy.vault import unseal

LISTED_EXPORTS = 10


@never_cache
@require_GET
@login_required
def show_privacy(request: SettingsRequest) -> HttpResponse:
    template = "settings/_exports.html" if request.htmx else "settings/privacy.html"
    return render(request, template, _state(request))


@require_POST
@login_required
def ask_for_export(request: SettingsRequest) -> HttpResponse:
    exports.request_export(user=request.user)
    if not request.htmx:
        return redirect("settings_privacy")
    said = "The archive is being made. You can leave this page meanwhile."
    return render(request, "settings/_exports.html", {**_state(request), "said": said})


@never_cache
@require_GET
@login_required
async def download_export(request: SettingsRequest, export_id: UUID) -> HttpResponseBase:
    export = await sync_to_async(exports.open_export)(user=cast("User", await request.auser()), export_id=export_id)
    content = _read(default_storage.open(export.file), name=str(export.id))
    name = f"chatapp-{timezone.localdate(export.created_at)}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(export.size)}
    return StreamingHttpResponse(content, content_type="application/zip", headers=headers)


@require_POST
@login_required
def ask_for_erasure(request: SettingsRequest) -> HttpResponse:
    confirmation = request.POST.get("confirmation", "")
    erasures.request_erasure(user=request.user, person=request.user, confirmation=confirmation)
    return redirect("settings_privacy")


@require_POST
@login_required
def cancel_erasure(request: SettingsRequest, erasure_id: UUID) -> HttpResponse:
    erasures.cancel_erasure(user=request.user, erasure_id=erasure_id)
    return redirect("settings_privacy")


async def _read(sealed: "File[bytes]", *, name: str) -> AsyncIterator[bytes]:
    """Frame by frame: a synchronous iterator would be read into memory as a whole first."""
    frames = unseal(sealed, name=name)
    try:
        while frame := await sync_to_async(lambda: next(frames, b""))():
            yield frame
    finally:
        sealed.close()


def _state(request: SettingsRequest) -> dict[str, object]:
    listed = list(list_exports_for(request.user)[:LISTED_EXPORTS])
    return {
        "tabs": settings_tabs(request),
        "exports": listed,
        "is_running": any(export.status in {"waiting", "running"} for export in listed),
        "erasure": find_open_erasure(request.user),
        "cooling_off_hours": settings.ERASURE_COOLING_OFF_HOURS,
        "export_days": settings.EXPORT_DAYS,
    }
