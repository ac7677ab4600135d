"""Every error of the API becomes a problem document."""

from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from chatapp.errors import ChatappError
from chatapp.problems import problem_response

_SHOWN = 5


def _detail(errors: list[dict[str, Any]]) -> str:
    """Where and why, without repeating what was sent."""
    shown = [f"{'.'.join(str(part) for part in error['loc'][1:])}: {error['msg']}" for error in errors[:_SHOWN]]
    return "; ".join(shown)[:500]


def add_error_handlers(api: NinjaAPI) -> None:
    def answer(request: HttpRequest, code: str, **params: Any) -> HttpResponse:
        return problem_response(ChatappError(code, **params), path=request.path)

    @api.exception_handler(ChatappError)
    def known(request: HttpRequest, error: ChatappError) -> HttpResponse:
        return problem_response(error, path=request.path)

    @api.exception_handler(AuthenticationError)
    def stranger(request: HttpRequest, _: AuthenticationError) -> HttpResponse:
        return answer(request, "unauthenticated")

    @api.exception_handler(HttpError)
    def unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
        # Ninja wraps what its parser raises.
        cause = error.__cause__
        return (
            known(request, cause) if isinstance(cause, ChatappError) else answer(request, "invalid", detail=str(error))
        )

    @api.exception_handler(Http404)
    def missing(request: HttpRequest, _: Http404) -> HttpResponse:
        return answer(request, "not_found")

    @api.exception_handler(ValidationError)
    def malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return answer(request, "invalid", detail=_detail(error.errors))

    @api.exception_handler(RequestDataTooBig)
    def too_large(request: HttpRequest, _: RequestDataTooBig) -> HttpResponse:
        return answer(request, "body_too_large")

    @api.exception_handler(SuspiciousOperation)
    @api.exception_handler(MultiPartParserError)
    def suspicious(request: HttpRequest, _: Exception) -> HttpResponse:
        return answer(request, "invalid", detail="the form is malformed.")
