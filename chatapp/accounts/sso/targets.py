"""Where the forms of the sign-in page lead: browsers hold the policy against each redirect behind a form."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from chatapp.accounts import selectors
from chatapp.accounts.models import IdentityProvider, ProviderKind
from chatapp.accounts.sso.documents import peek
from chatapp.accounts.sso.oidc import origin_of


def list_form_targets() -> list[str]:
    """The origins of all providers that are switched on."""
    return sorted({origin for provider in selectors.list_identity_providers() for origin in _origins(provider)})


def with_form_targets(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if targets := list_form_targets():
            response._csp_update = {"form-action": targets}  # type: ignore[attr-defined]  # noqa: SLF001 (django-csp's way)
        return response

    return wrapped


def _origins(provider: IdentityProvider) -> set[str]:
    if provider.kind != ProviderKind.OIDC:
        return set()
    known = peek(provider.url).get("authorization_endpoint", "")
    return {origin_of(url) for url in (provider.url, known) if url}
