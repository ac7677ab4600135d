"""Turns errors into what the caller can read: a problem document, a fragment or a page."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chatapp.errors import ChatappError
from chatapp.problems import PROBLEM_TYPE, as_problem, problem_response

_API = ("/api/", "/v1/")


class ErrorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code < 400 or not request.path.startswith(_API):
            return response
        return response if response.get("Content-Type") == PROBLEM_TYPE else as_problem(request, response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ChatappError):
            return None
        if request.path.startswith(_API):
            return problem_response(exception, path=request.path)
        fragment = bool(getattr(request, "htmx", False))
        template = "_error.html" if fragment else "error.html"
        return render(request, template, {"error": exception}, status=exception.status)
