"""A page of a PDF as it was printed, with the cited passage marked."""

from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chatapp.accounts.models import User
from chatapp.retrieval import client, selectors
from chatapp.retrieval.forms import parse_number
from chatapp.retrieval.printed import printed_page

# A version never changes; but the right to read it may end.
KEEP_SECONDS = 600


@login_required
@require_GET
def document_page(request: HttpRequest, document_id: UUID, number: int, page: int) -> HttpResponse:
    user = cast("User", request.user)
    version = selectors.get_printed_version_for(user, document_id, number, page)
    passage = parse_number(request.GET.get("passage"))
    chunks = selectors.list_page_passages_for(user, version, page, passage=passage)
    printed = printed_page(version, page, chunks, passage=passage)
    return render(request, "retrieval/page.html", {"printed": printed, "document": version.document})


@login_required
@require_GET
def page_image(request: HttpRequest, document_id: UUID, number: int, page: int) -> HttpResponse:
    version = selectors.get_printed_version_for(cast("User", request.user), document_id, number, page)
    image = client.lookup_page_image(version=version, page=page)
    headers = {"Cache-Control": f"private, max-age={KEEP_SECONDS}", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(image, content_type="image/png", headers=headers)
