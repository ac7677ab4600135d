"""The pages between a browser and a SAML provider."""

from collections.abc import Callable
from functools import wraps

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.helpers import complete_social_login, render_authentication_error
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chatapp.accounts import selectors, services
from chatapp.accounts.models import ProviderKind, SignIn
from chatapp.accounts.services.saml import keep_assertion, take_assertion
from chatapp.accounts.sso.leaving import leave_by_form, leave_to
from chatapp.accounts.sso.presets import GROUPS_LINK
from chatapp.accounts.sso.provisioned import keep_external_id
from chatapp.accounts.sso.rights import keep_groups
from chatapp.accounts.sso.saml.errors import SamlError, UnsolicitedError
from chatapp.accounts.sso.saml.logout import answer_logout
from chatapp.accounts.sso.saml.parties import addresses_of, toolkit_settings
from chatapp.accounts.sso.saml.provider import SamlProvider
from chatapp.accounts.sso.saml.requests import build_request
from chatapp.accounts.sso.saml.responses import Claims, read_response

_View = Callable[[HttpRequest, SamlProvider], HttpResponse]


def _for_provider(view: _View) -> Callable[..., HttpResponse]:
    """Finds the provider, or answers 404; what it sent and is refused ends on the sign-in page."""

    @wraps(view)
    def handle(request: HttpRequest, organization_slug: str) -> HttpResponse:
        found = selectors.find_identity_provider(organization_slug)
        if found is None or found.kind != ProviderKind.SAML:
            raise Http404
        provider = SamlProvider(request, found)
        try:
            return view(request, provider)
        except SamlError as error:
            failure: HttpResponse = render_authentication_error(request, provider, exception=error)
            return failure

    return handle


@never_cache
@require_http_methods(["GET", "POST"])
@_for_provider
def login(request: HttpRequest, provider: SamlProvider) -> HttpResponse:
    if request.method == "GET":
        return render(request, "socialaccount/login.html", {"provider": provider})
    asked = build_request(request, provider.identity_provider)
    provider.stash_redirect_state(request, AuthProcess.LOGIN, get_next_redirect_url(request), state_id=asked.id)
    name = provider.identity_provider.name
    if asked.fields:
        return leave_by_form(request, asked.url, name=name, fields=asked.fields)
    return leave_to(request, asked.url, name=name)


@csrf_exempt
@never_cache
@require_POST
@_for_provider
def acs(request: HttpRequest, provider: SamlProvider) -> HttpResponse:
    """The session cookie does not come along with a POST from elsewhere: what was verified waits for the next GET."""
    slug = provider.identity_provider.slug
    try:
        found = read_response(request, provider.identity_provider)
    except UnsolicitedError:
        if settings.SAML_IDP_INITIATED:
            return redirect("saml_login", organization_slug=slug)
        raise
    if not keep_assertion(
        provider=slug,
        assertion_id=found.id,
        in_response_to=found.in_response_to,
        claims=found.claims.as_json(),
        expires_at=found.expires_at,
    ):
        raise SamlError("the assertion was used before")
    finish = reverse("saml_finish_acs", args=[slug])
    return redirect(f"{finish}?{urlencode({'request': found.in_response_to})}")


@never_cache
@require_GET
@_for_provider
def finish_acs(request: HttpRequest, provider: SamlProvider) -> HttpResponse:
    """Only the browser whose session made the request gets what answers it; `next` is what that session noted."""
    request_id = request.GET.get("request", "")
    state = statekit.unstash_state(request, state_id=request_id, provider_id=provider.sub_id)
    kept = take_assertion(provider=provider.sub_id, in_response_to=request_id) if state else None
    if kept is None:
        raise SamlError("this browser did not ask for it")
    login = _make_login(request, provider, Claims(**kept))
    login.state = state
    response: HttpResponse = complete_social_login(request, login)
    return response


def _make_login(request: HttpRequest, provider: SamlProvider, claims: Claims) -> SocialLogin:
    try:
        login = provider.sociallogin_from_response(request, claims)
    except ValueError as error:
        raise SamlError("the assertion names nobody") from error
    left_out = {"hasgroups": True} if GROUPS_LINK in claims.attributes else {}
    keep_groups(login, provider.identity_provider, {**claims.attributes, **left_out})
    keep_external_id(login, provider.identity_provider, claims.attributes)
    request.voucher = services.Voucher(  # type: ignore[attr-defined]
        method=SignIn.Method.SAML,
        provider=provider.sub_id,
        subject=claims.name_id,
        sid=claims.session_index,
    )
    return login


@never_cache
@require_GET
@_for_provider
def sls(request: HttpRequest, provider: SamlProvider) -> HttpResponse:
    """Single logout, both ways: the provider's request, or its answer to ours."""
    return redirect(answer_logout(request, provider.identity_provider) or settings.LOGIN_URL)


@require_GET
@_for_provider
def metadata(request: HttpRequest, provider: SamlProvider) -> HttpResponse:
    """What the provider has to know of this product; needs nothing of the provider's own metadata."""
    ours = toolkit_settings(provider.identity_provider, addresses_of(request, provider.identity_provider.slug), None)
    return HttpResponse(ours.get_sp_metadata(), content_type="application/samlmetadata+xml")
