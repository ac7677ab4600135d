"""How django-allauth signs people in here: no open sign-up, and the provider's `sub` is the only identity."""
# ruff: noqa: ARG002 (allauth decides what its hooks are given)

from typing import Any
from urllib.parse import urlencode

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from chatapp.accounts import selectors, services
from chatapp.accounts.metrics import count_sign_in
from chatapp.accounts.models import User
from chatapp.accounts.sso.apps import make_app
from chatapp.accounts.sso.provisioned import open_provisioned_account
from chatapp.accounts.sso.rights import follow_groups
from chatapp.accounts.sso.saml.errors import SamlError
from chatapp.accounts.sso.session import GuardedSession

log = structlog.get_logger(__name__)
_SSO_FAILED = "Single sign-on did not work. Try again; if it fails again, tell your administrator."
_SESSION_OVER = "Your session has ended. Sign in again."
_INACTIVE = "This account is not active. Ask your administrator."


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str) -> bool:
        """Only this very host: a list of allowed hosts is no list of places to send people to."""
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        if user.is_service:  # A program has keys; nobody signs in as one, whoever vouches for it.
            return self.respond_user_inactive(request, user)
        refused: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return refused

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        services.record_event(actor=user, action="session.login", obj=user)

    def logout(self, request: HttpRequest) -> None:
        user = request.user if isinstance(request.user, User) else None
        super().logout(request)
        services.record_event(actor=user, action="session.logout", obj=user)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        if getattr(request, "was_locked_out", False):
            return  # Told once, when it was locked.
        # A name that nobody has may be a password typed into the wrong field, so it is not kept.
        user = selectors.get_user_by_name(str(credentials.get("username", "")))
        locked = getattr(request, "axes_locked_out", False)
        services.record_event(actor=None, action="session.locked_out" if locked else "session.login_failed", obj=user)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        messages.error(request, _INACTIVE)
        return redirect("account_login")

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """The page itself shows that one is signed in; no message repeats it."""


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """The identity providers that are switched on; allauth's own table of apps, with secrets, stays empty."""
        apps = [make_app(found) for found in selectors.list_identity_providers()]
        apps = [app for app in apps if provider in {None, app.provider, app.provider_id}]
        return [app for app in apps if client_id in {None, app.client_id}]

    def get_requests_session(self) -> GuardedSession:
        return GuardedSession()

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True  # whom the company's own provider vouches for is an employee

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        # Addresses are no identity: an address can be given to another person, or never have been verified.
        sociallogin.email_addresses = []
        if not sociallogin.is_existing:
            open_provisioned_account(request, sociallogin)
        if sociallogin.is_existing:
            follow_groups(sociallogin)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        user: User = super().save_user(request, sociallogin, form)
        services.record_event(actor=user, action="user.created_by_sso", obj=user)
        follow_groups(sociallogin)
        return user

    def on_authentication_error(
        self,
        request: HttpRequest,
        *args: Any,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        state = (extra_context or {}).get("state") or {}
        if state.get("silent"):  # The provider wants to ask something: that is no failure.
            messages.info(request, _SESSION_OVER)
            query = urlencode({"next": state.get("next") or "/"})
            raise ImmediateHttpResponse(redirect(f"{reverse('account_login')}?{query}"))
        # These are in words of ours or a code of the provider's; of other errors only the kind is logged.
        reason = str(exception) if isinstance(exception, OAuth2Error | SamlError) else type(exception).__name__
        log.warning("sso_failed", reason=reason[:200])
        count_sign_in("saml" if isinstance(exception, SamlError) else "oidc", "failed")
        services.record_event(actor=None, action="session.sso_failed")
        messages.error(request, _SSO_FAILED)
        raise ImmediateHttpResponse(redirect("account_login"))
