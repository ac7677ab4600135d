"""What a SAML provider is asked, by each binding."""

import re
from base64 import b64decode
from html import unescape
from typing import Any

import pytest
import xmlsec
from django.test import Client
from lxml import etree

from chatapp.accounts.models import IdentityProvider
from chatapp.accounts.sso.saml.errors import SamlError
from chatapp.accounts.sso.saml.metadata import parse_metadata
from chatapp.accounts.tests.saml_case import (
    ACS,
    BASE,
    ENTITY,
    IDP,
    ISSUER,
    KEY,
    answer_to,
    is_signed_in,
    make_provider,
    post,
)
from tests.identity.saml_documents import NAMESPACES, POST, REDIRECT, make_key, make_metadata, signed_response

OURS = make_key("ours")


@pytest.fixture
def provider(db: None) -> IdentityProvider:
    return make_provider(metadata=make_metadata(ISSUER, IDP, KEY, takes=POST).decode())


def posted(page: Any) -> Any:
    text = page.content.decode()
    assert f'action="{IDP}/sso"' in text
    return etree.fromstring(b64decode(unescape(re.findall(r'name="SAMLRequest" value="([^"]+)"', text)[0])))


def test_a_provider_that_takes_nothing_but_post_is_asked_by_a_form(client: Client, provider: IdentityProvider) -> None:
    page = client.post(BASE + "login/", {"next": "/knowledge/"})
    request = posted(page)
    assert (request.get("Destination"), request.get("AssertionConsumerServiceURL")) == (f"{IDP}/sso", ACS)
    assert request.findtext("saml:Issuer", namespaces=NAMESPACES) == ENTITY
    assert request.find("ds:Signature", NAMESPACES) is None
    waiting = post(signed_response(answer_to(request.get("ID")), KEY))
    assert client.get(waiting["Location"])["Location"] == "/knowledge/"
    assert is_signed_in(client)


def test_the_form_leads_to_that_origin_only_and_no_other_page_does(client: Client, provider: IdentityProvider) -> None:
    page = client.post(BASE + "login/")
    assert f"form-action 'self' {IDP};" in page["Content-Security-Policy"] + ";"
    assert "RelayState" not in page.content.decode()
    assert IDP not in client.get("/accounts/login/")["Content-Security-Policy"]


def test_with_a_key_the_form_is_signed(client: Client, provider: IdentityProvider, settings: Any) -> None:
    settings.SAML_SP_PRIVATE_KEY, settings.SAML_SP_CERTIFICATE = OURS.key.decode(), OURS.certificate.decode()
    request = posted(client.post(BASE + "login/"))
    xmlsec.tree.add_ids(request, ["ID"])
    signature = xmlsec.tree.find_node(request, "Signature", NAMESPACES["ds"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(OURS.certificate, xmlsec.constants.KeyDataFormatCertPem)
    context.verify(signature)
    request.set("AssertionConsumerServiceURL", "https://evil.example/")
    with pytest.raises(xmlsec.Error):
        context.verify(signature)


def test_redirect_is_taken_where_both_are_offered() -> None:
    root = etree.fromstring(make_metadata(ISSUER, IDP, KEY, takes=POST))
    (one,) = root.iter(f"{{{NAMESPACES['md']}}}SingleSignOnService")
    one.addnext(etree.Element(one.tag, Binding=REDIRECT, Location=f"{IDP}/by-redirect"))
    found = parse_metadata(etree.tostring(root).decode())
    assert (found.sso_url, found.sso_binding) == (f"{IDP}/by-redirect", REDIRECT)


def test_a_provider_that_takes_neither_is_refused() -> None:
    artifact = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"
    with pytest.raises(SamlError, match="no address to sign in at"):
        parse_metadata(make_metadata(ISSUER, IDP, KEY, takes=artifact).decode())
