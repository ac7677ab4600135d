"""Turns a ChatappError into what the caller can read: a problem document, a fragment or a page."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chatapp.errors import ChatappError
from chatapp.problems import problem_response


class ErrorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ChatappError):
            return None
        if request.path.startswith(("/api/", "/v1/")):
            return problem_response(exception)
        fragment = bool(getattr(request, "htmx", False))
        template = "_error.html" if fragment else "error.html"
        return render(request, template, {"error": exception}, status=exception.status)
