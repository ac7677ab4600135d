"""One way in for all of SCIM: who calls, what the body is, and errors in SCIM's shape."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from pydantic import ValidationError
from scim2_models import SCIMException, ScimPolicy

from chatapp.accounts.models import ProvisionedGroup, ProvisionedUser, User
from chatapp.api.auth import BearerKey
from chatapp.api.parser import SafeParser
from chatapp.api.scim.documents import version_of
from chatapp.api.scim.errors import CONTENT_TYPE, ScimError, error_response
from chatapp.database import AWAY
from chatapp.errors import ChatappError
from chatapp.middleware import RETRY_SECONDS

# What Entra does beside the standard; see docs/provisioning.md.
POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
_BODY_TYPES = {"application/scim+json", "application/json"}
Handler = Callable[..., HttpResponse]


class ScimRequest(HttpRequest):
    """A request whose caller may provision."""

    client: User
    base: str


def scim_view(**handlers: Handler) -> Callable[..., HttpResponseBase]:
    """A view that calls the handler of the method (`get=`, `post=`, ...) and answers errors as SCIM does."""
    allowed = sorted(name.upper() for name in handlers)

    @csrf_exempt
    def view(request: ScimRequest, **kwargs: Any) -> HttpResponseBase:
        try:
            _let_in(request)
            handler = handlers.get((request.method or "").lower())
            if handler is None:
                return _not_allowed(allowed)
            with POLICY:
                return handler(request, **kwargs)
        except AWAY:
            return error_response(ChatappError("database_away", seconds=RETRY_SECONDS))
        except RequestDataTooBig:
            return error_response(ChatappError("body_too_large"))
        except (ScimError, ChatappError, SCIMException, ValidationError) as error:
            return error_response(error)

    return view


def read_body(request: HttpRequest) -> dict[str, Any]:
    """Raises ScimError for another content type, ChatappError("invalid") for what is no JSON object."""
    if request.content_type and request.content_type not in _BODY_TYPES:
        raise ScimError(415, "Send application/scim+json or application/json.")
    try:
        return SafeParser().parse_body(request)
    except ChatappError as error:
        raise ScimError(400, error.message, "invalidSyntax") from None


def require_match(request: HttpRequest, row: ProvisionedUser | ProvisionedGroup) -> None:
    """Raises ScimError(412) when If-Match names another version than the stored one."""
    wanted = request.headers.get("If-Match", "").strip()
    versions = {version.strip() for version in wanted.split(",")}
    if wanted and wanted != "*" and version_of(row) not in versions:
        raise ScimError(412, "It has been changed since. Read it again.")


def is_unchanged(request: HttpRequest, row: ProvisionedUser | ProvisionedGroup) -> bool:
    known = {version.strip() for version in request.headers.get("If-None-Match", "").split(",")}
    return version_of(row) in known


def answer(document: dict[str, Any], *, status: int = 200) -> HttpResponse:
    response = JsonResponse(document, status=status, content_type=CONTENT_TYPE)
    meta = document.get("meta", {})
    if "version" in meta:
        response["ETag"] = meta["version"]
    if status == 201:
        response["Location"] = meta["location"]
    return response


def _let_in(request: ScimRequest) -> None:
    """Raises ChatappError: unauthenticated, forbidden, read_only_key."""
    client = BearerKey("scim", permission="accounts.provision")(request)
    if not isinstance(client, User):
        raise ChatappError("unauthenticated")
    request.client = client
    request.base = request.build_absolute_uri(reverse("scim_root")).rstrip("/")


def _not_allowed(allowed: list[str]) -> HttpResponse:
    response = error_response(ChatappError("method_not_allowed"))
    response["Allow"] = ", ".join(allowed)
    return response
