"""Single logout by HTTP-Redirect, begun here or at the provider. Sessions are ended by name, without their cookie."""

import base64
import zlib
from datetime import UTC, datetime, timedelta

import structlog
from django.http import HttpRequest
from django.utils import timezone
from lxml import etree
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.errors import OneLogin_Saml2_Error
from onelogin.saml2.logout_request import OneLogin_Saml2_Logout_Request
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from chatapp.accounts import selectors, services
from chatapp.accounts.models import IdentityProvider, SignIn
from chatapp.accounts.sso.saml.errors import SamlError
from chatapp.accounts.sso.saml.metadata import Metadata, metadata_of, refresh_metadata
from chatapp.accounts.sso.saml.parties import addresses_of, toolkit_request, toolkit_settings
from chatapp.accounts.sso.saml.xml import MAX_BYTES, check_text

_MAX_AGE = timedelta(minutes=5)
log = structlog.get_logger(__name__)


def logout_url(request: HttpRequest, provider: IdentityProvider, sign_in: SignIn) -> str | None:
    """Where the browser ends the session at the provider too; None when the provider offers no such place."""
    try:
        auth = _toolkit(request, provider, metadata_of(provider))
        if not auth.get_slo_url():
            return None
        url: str = auth.logout(return_to="", name_id=sign_in.subject, session_index=sign_in.sid or None)
    except SamlError as error:
        log.warning("saml_logout_skipped", provider=provider.slug, reason=str(error))
        return None
    return url


def answer_logout(request: HttpRequest, provider: IdentityProvider) -> str | None:
    """Where to go on: back to the provider after its signed request, nowhere after its answer. Raises SamlError."""
    for name in ("SAMLRequest", "SAMLResponse"):
        _check_message(request.GET.get(name, ""))
    metadata = metadata_of(provider)
    try:
        return _process(request, provider, metadata)
    except SamlError:
        newer = refresh_metadata(provider, metadata)
        if newer is None:
            raise
        return _process(request, provider, newer)


def _process(request: HttpRequest, provider: IdentityProvider, metadata: Metadata) -> str | None:
    auth = _toolkit(request, provider, metadata)
    begun_there = "SAMLResponse" not in request.GET
    try:
        url: str = auth.process_slo(keep_local_session=True)
    except (OneLogin_Saml2_Error, etree.LxmlError, ValueError, TypeError, AttributeError) as error:
        message = f"the logout cannot be read ({type(error).__name__})"
        raise SamlError(message) from error
    if errors := auth.get_errors():
        message = f"the logout is not valid ({errors[0]})"
        raise SamlError(message)
    if not begun_there:
        return None
    _end_sessions(provider, auth.get_last_request_xml())
    return url


def _end_sessions(provider: IdentityProvider, xml: str) -> None:
    issued = OneLogin_Saml2_Utils.parse_SAML_to_time(etree.fromstring(xml.encode()).get("IssueInstant"))
    if abs(timezone.now() - datetime.fromtimestamp(issued, UTC)) > _MAX_AGE:
        raise SamlError("the logout is too old")
    subject = OneLogin_Saml2_Logout_Request.get_nameid(xml)
    for sid in OneLogin_Saml2_Logout_Request.get_session_indexes(xml) or [""]:
        found = selectors.list_sign_ins_at(provider=provider.slug, subject=subject, sid=sid)
        services.end_sign_ins(sign_ins=found.select_related("user"), actor=None, reason="by the provider")


def _toolkit(request: HttpRequest, provider: IdentityProvider, metadata: Metadata) -> OneLogin_Saml2_Auth:
    ours = toolkit_settings(provider, addresses_of(request, provider.slug), metadata, messages_signed=True)
    return OneLogin_Saml2_Auth(toolkit_request(request, "saml_sls", provider.slug), ours)


def _check_message(encoded: str) -> None:
    """Before the toolkit inflates and parses it. Raises SamlError."""
    if not encoded:
        return
    inflater = zlib.decompressobj(-15)
    try:
        data = inflater.decompress(base64.b64decode(encoded), MAX_BYTES)
        check_text(data.decode())
    except (ValueError, zlib.error) as error:
        raise SamlError("the logout is not a deflated message") from error
    if inflater.unconsumed_tail:
        raise SamlError("the logout is too long")
