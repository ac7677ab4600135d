"""Pages in between, from where the browser goes on to a provider.

Browsers hold `form-action` against every redirect behind a form, and providers redirect on to hosts that nobody here
knows. So a form of ours leads to a page of ours, and that page leaves by an ordinary navigation, without a script.
"""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def leave_to(request: HttpRequest, url: str, *, name: str, signs_out: bool = False) -> HttpResponse:
    """`name` is the provider's."""
    return render(request, "socialaccount/leaving.html", {"url": url, "name": name, "signs_out": signs_out})


def leave_by_form(request: HttpRequest, url: str, *, name: str, fields: dict[str, str]) -> HttpResponse:
    """For what a provider takes by POST only. The form may lead to that origin and to no other."""
    context = {"url": url, "name": name, "fields": fields}
    response = render(request, "socialaccount/leaving_by_form.html", context)
    parts = urlsplit(url)
    update = {"form-action": [f"{parts.scheme}://{parts.netloc}"]}
    response._csp_update = update  # type: ignore[attr-defined]  # noqa: SLF001 (django-csp's way)
    return response
