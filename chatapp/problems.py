"""RFC 9457 problem documents."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from chatapp.errors import ChatappError

PROBLEM_TYPE = "application/problem+json"
# What Django itself answers, before or beside the API's own code.
_CODES = {
    400: ("invalid", {"detail": "it is malformed."}),
    401: ("unauthenticated", {}),
    403: ("forbidden", {}),
    404: ("not_found", {}),
    405: ("method_not_allowed", {}),
    413: ("body_too_large", {}),
}


def problem_body(error: ChatappError) -> dict[str, Any]:
    return {"type": f"urn:chatapp:{error.code}", "title": error.message, "status": error.status, "code": error.code}


def openai_error(error: ChatappError) -> dict[str, Any]:
    """OpenAI's error object, which its clients read."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    return {"message": error.message, "type": kind, "param": None, "code": error.code}


def problem_response(error: ChatappError, *, path: str = "") -> JsonResponse:
    """Under /v1/ the document also carries OpenAI's error object."""
    body = problem_body(error)
    if path.removeprefix(settings.ROOT_PATH).startswith("/v1/"):
        body["error"] = openai_error(error)
    response = JsonResponse(body, status=error.status, content_type=PROBLEM_TYPE)
    say_when(response, error)
    if error.status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def say_when(response: HttpResponse, error: ChatappError) -> None:
    """To whoever was refused for now, page or program, when to try again."""
    if "seconds" in error.params:
        response["Retry-After"] = str(error.params["seconds"])


def as_problem(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The problem document for an error that Django answered as HTML or plain text."""
    code, params = _CODES.get(response.status_code, ("internal", {}))
    problem = problem_response(ChatappError(code, **params), path=request.path)
    if allow := response.get("Allow"):
        problem["Allow"] = allow
    return problem
