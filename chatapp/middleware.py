"""Turns errors into what the caller can read: a problem document, a fragment or a page."""

import sys
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.defaults import server_error

from chatapp.database import AWAY
from chatapp.errors import ChatappError
from chatapp.metrics import count_fault
from chatapp.problems import PROBLEM_TYPE, as_problem, problem_response, say_when

RETRY_SECONDS = 5
_API = ("/api/", "/v1/")
log = structlog.get_logger(__name__)


class ErrorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code < 400 or not request.path_info.startswith(_API):
            return response
        return response if response.get("Content-Type") == PROBLEM_TYPE else as_problem(request, response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, AWAY):
            return say_database_is_away(request, exception)
        if not isinstance(exception, ChatappError):
            return None
        if request.path_info.startswith(_API):
            return problem_response(exception, path=request.path)
        fragment = bool(getattr(request, "htmx", False))
        template = "_error.html" if fragment else "error.html"
        response = render(request, template, {"error": exception}, status=exception.status)
        say_when(response, exception)
        return response


def say_database_is_away(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What needs no database itself: who asks is not looked up."""
    count_fault("database_away")
    log.warning("database_away", path=request.path, reason=type(exception).__name__)
    error = ChatappError("database_away", seconds=RETRY_SECONDS)
    if request.path_info.startswith(_API):
        return problem_response(error, path=request.path)
    # The middleware that reads this header may not have been reached.
    template = "_error.html" if request.headers.get("HX-Request") == "true" else "503.html"
    response = HttpResponse(render_to_string(template, {"error": error}), status=error.status)
    say_when(response, error)
    return response


def handle_server_error(request: HttpRequest) -> HttpResponse:
    """The last resort (`handler500`), also for what fails in the middleware above this one."""
    exception = sys.exc_info()[1]
    if isinstance(exception, AWAY):
        return say_database_is_away(request, exception)
    return server_error(request)
