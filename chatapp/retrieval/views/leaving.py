from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect


def leave_for(request: HttpRequest, page: str, *args: object) -> HttpResponse:
    """To another page, also where htmx asked: it would put that page into this one."""
    address = reverse(page, args=args)
    return HttpResponseClientRedirect(address) if getattr(request, "htmx", False) else redirect(address)
