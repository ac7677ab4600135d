"""Errors in SCIM's shape (RFC 7644, 3.12)."""

from django.http import JsonResponse
from pydantic import ValidationError
from scim2_models import Error, SCIMException

from chatapp.errors import ChatappError
from chatapp.problems import say_when

CONTENT_TYPE = "application/scim+json"
_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
_TYPES = {"exists": "uniqueness", "invalid": "invalidValue"}


class ScimError(Exception):
    def __init__(self, status: int, detail: str, scim_type: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail, self.scim_type = status, detail, scim_type


def error_response(error: Exception) -> JsonResponse:
    """For ScimError, ChatappError, and what `scim2_models` raises; nothing of a value that was sent is repeated."""
    status, detail, scim_type = _parts(error)
    body = {"schemas": [_SCHEMA], "status": str(status), "detail": detail}
    response = JsonResponse(body | ({"scimType": scim_type} if scim_type else {}), status=status)
    response["Content-Type"] = CONTENT_TYPE
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if isinstance(error, ChatappError):
        say_when(response, error)
    return response


def _parts(error: Exception) -> tuple[int, str, str]:
    if isinstance(error, ScimError):
        return error.status, error.detail, error.scim_type
    if isinstance(error, ChatappError):
        return error.status, error.message, _TYPES.get(error.code, "")
    if isinstance(error, SCIMException):
        return error.status, _sentence(error.scim_type), error.scim_type
    if isinstance(error, ValidationError):
        first = Error.from_validation_errors(error)[0]
        return first.status or 400, _sentence(first.scim_type or "", _places(error)), first.scim_type or "invalidValue"
    raise error


def _places(error: ValidationError) -> str:
    names = {".".join(str(part) for part in one["loc"])[:100] for one in error.errors()[:5]}
    return ", ".join(sorted(name for name in names if name))


def _sentence(scim_type: str, places: str = "") -> str:
    said = {
        "invalidFilter": "The filter cannot be read.",
        "invalidPath": "There is no attribute with this path.",
        "noTarget": "The path leads to nothing.",
        "mutability": "This attribute cannot be changed.",
        "invalidSyntax": "The body is not as its schema says.",
    }.get(scim_type, "A value does not fit its attribute.")
    return f"{said} ({places})" if places else said
