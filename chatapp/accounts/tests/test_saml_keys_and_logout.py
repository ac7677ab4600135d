"""Keys of a SAML provider change, its metadata is fetched; sessions end there and here."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import xmlsec
from django.test import Client
from lxml import etree

from chatapp.accounts.models import AuditEvent, IdentityProvider, SignIn
from chatapp.accounts.sso.saml import metadata
from chatapp.accounts.sso.saml.errors import SamlError
from chatapp.accounts.tests.saml_case import (
    BASE,
    HOST,
    IDP,
    ISSUER,
    KEY,
    answer_to,
    ask,
    is_signed_in,
    make_provider,
    post,
    provider,
    sign_in,
)
from tests.identity.leaving import way_out
from tests.identity.saml_documents import (
    NAMESPACES,
    KeyPair,
    deflate,
    inflate,
    make_key,
    make_logout,
    make_metadata,
    signed_query,
    signed_response,
)

__all__ = ["provider"]
SLS = BASE + "sls/"
NEW = make_key("new")


class Publisher:
    """Serves metadata, and counts."""

    def __init__(self) -> None:
        self.body = make_metadata(ISSUER, IDP, KEY)
        self.status, self.calls = 200, 0
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.calls += 1
                self.send_response(publisher.status)
                self.send_header("Content-Length", str(len(publisher.body)))
                self.end_headers()
                self.wfile.write(publisher.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/metadata"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def publisher(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    settings.HTTPS = False
    monkeypatch.setattr(metadata, "_PAUSE_SECONDS", 0.0)
    found = Publisher()
    yield found
    found.server.shutdown()
    found.server.server_close()


def finish(client: Client, pair: KeyPair) -> None:
    client.get(post(signed_response(answer_to(ask(client)), pair))["Location"])


def test_a_key_that_changed_is_fetched_once_and_no_restart_is_needed(publisher: Publisher, db: None) -> None:
    make_provider(metadata="", url=publisher.url)
    before, after, old = Client(), Client(), Client()
    finish(before, KEY)
    assert is_signed_in(before)
    assert publisher.calls == 1
    publisher.body = make_metadata(ISSUER, IDP, NEW)
    finish(after, NEW)
    assert is_signed_in(after)
    assert publisher.calls == 2
    finish(old, KEY)
    assert not is_signed_in(old)


def test_two_keys_hold_while_a_provider_changes_from_one_to_the_other(client: Client, db: None) -> None:
    make_provider(metadata=make_metadata(ISSUER, IDP, KEY, NEW).decode())
    for pair in (KEY, NEW):
        client.logout()
        finish(client, pair)
        assert is_signed_in(client)


def test_what_is_known_holds_while_the_provider_is_away_for_a_while(
    publisher: Publisher, db: None, monkeypatch: Any
) -> None:
    make_provider(metadata="", url=publisher.url)
    finish(Client(), KEY)
    publisher.status = 503
    monkeypatch.setattr(metadata, "_FRESH_SECONDS", 0)
    client = Client()
    finish(client, KEY)
    assert is_signed_in(client)


def test_a_provider_that_was_never_reached_is_a_sentence_on_the_sign_in_page(publisher: Publisher, db: None) -> None:
    make_provider(metadata="", url=publisher.url)
    publisher.status = 503
    client = Client()
    response = client.post(BASE + "login/", follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/login/"
    assert "Single sign-on did not work" in response.content.decode()


def test_metadata_may_lie_in_a_file(client: Client, db: None, tmp_path: Path) -> None:
    path = tmp_path / "metadata.xml"
    path.write_bytes(b"<!-- of the works -->" + make_metadata(ISSUER, IDP, KEY).partition(b"?>")[2].strip())
    make_provider(metadata="", url=f"file://{path}")
    finish(client, KEY)
    assert is_signed_in(client)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<a/>",
        "no xml",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        make_metadata(ISSUER, IDP).decode(),
        make_metadata("", IDP, KEY).decode(),
        make_metadata(ISSUER, "javascript:alert(1)//", KEY).decode(),
        make_metadata(ISSUER, "http://idp.example", KEY).decode(),
    ],
)
def test_d05_metadata_without_what_is_needed_or_with_entities_is_refused(text: str, settings: Any) -> None:
    settings.HTTPS = True
    with pytest.raises(SamlError):
        metadata.parse_metadata(text)


def test_b17_metadata_is_not_fetched_from_inside(client: Client, publisher: Publisher, db: None, settings: Any) -> None:
    settings.HTTPS = True
    make_provider(metadata="", url=publisher.url)
    client.post(BASE + "login/", secure=True)
    assert publisher.calls == 0


# --- Assertions that come encrypted ---


def encrypt(response: Any, pair: KeyPair) -> Any:
    assertion = response.find("saml:Assertion", NAMESPACES)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(pair.certificate, xmlsec.constants.KeyDataFormatCertPem))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(xmlsec.constants.KeyDataAes, 256, xmlsec.constants.KeyDataTypeSession)
    data = xmlsec.template.encrypted_data_create(
        response, xmlsec.constants.TransformAes256Gcm, type=xmlsec.constants.TypeEncElement, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    key = xmlsec.template.add_encrypted_key(info, xmlsec.constants.TransformRsaOaep)
    xmlsec.template.encrypted_data_ensure_cipher_value(key)
    encrypted = context.encrypt_xml(data, assertion)
    wrapper = etree.Element(f"{{{NAMESPACES['saml']}}}EncryptedAssertion")
    encrypted.getparent().replace(encrypted, wrapper)
    wrapper.append(encrypted)
    return etree.fromstring(etree.tostring(response))


def test_an_encrypted_assertion_is_read_with_our_key(client: Client, provider: IdentityProvider, settings: Any) -> None:
    ours = make_key("ours")
    settings.SAML_SP_CERTIFICATE, settings.SAML_SP_PRIVATE_KEY = ours.certificate.decode(), ours.key.decode()
    waiting = post(encrypt(signed_response(answer_to(ask(client)), KEY), ours))
    client.get(waiting["Location"])
    assert is_signed_in(client)
    forged = post(encrypt(signed_response(answer_to(ask(client)), make_key("stranger")), ours))
    assert forged["Location"] == "/accounts/login/"
    settings.SAML_SP_CERTIFICATE = settings.SAML_SP_PRIVATE_KEY = ""
    assert post(encrypt(signed_response(answer_to(ask(client)), KEY), ours))["Location"] == "/accounts/login/"


# --- Single logout ---


def logout_request(**changes: Any) -> Any:
    content = {"issuer": ISSUER, "destination": HOST + SLS, "name_id": "subject-1", "session_index": "_session"}
    return make_logout("LogoutRequest", **{**content, **changes})


def test_the_provider_ends_the_session_without_its_cookie(client: Client, provider: IdentityProvider) -> None:
    sign_in(client)
    response = Client().get(f"{SLS}?{signed_query('SAMLRequest', logout_request(), KEY, relay_state='there')}")
    assert response["Location"].startswith(IDP + "/slo?SAMLResponse=")
    assert "RelayState=there" in response["Location"]
    assert not SignIn.objects.exists()
    assert client.get("/").status_code == 302
    assert AuditEvent.objects.filter(action="session.ended").exists()


def test_without_a_session_index_all_sessions_of_the_subject_end(client: Client, provider: IdentityProvider) -> None:
    sign_in(client, session_index="_one")
    sign_in(Client(), session_index="_two")
    sign_in(Client(), session_index="_three", name_id="somebody-else")
    Client().get(f"{SLS}?{signed_query('SAMLRequest', logout_request(session_index=None), KEY)}")
    assert [one.subject for one in SignIn.objects.all()] == ["somebody-else"]


@pytest.mark.parametrize(
    "query",
    [
        f"SAMLRequest={deflate(logout_request()).replace('+', '%2B')}",
        signed_query("SAMLRequest", logout_request(), make_key("stranger")),
        signed_query("SAMLRequest", logout_request(issuer="https://other.example"), KEY),
        signed_query("SAMLRequest", logout_request(destination="https://other.example/"), KEY),
        signed_query("SAMLRequest", logout_request(age="600"), KEY),
        signed_query("SAMLRequest", logout_request(), KEY) + "&SAMLRequest=AAAA",
        signed_query("SAMLRequest", logout_request(), KEY).replace("rsa-sha256", "rsa-sha1"),
        "SAMLRequest=" + deflate(b"<a>" + b" " * 300_000 + b"</a>").replace("+", "%2B"),
        "SAMLRequest=" + deflate(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>').replace("+", "%2B"),
        "SAMLRequest=%%%",
        "",
    ],
)
def test_b14_a_logout_that_is_not_the_provider_s_ends_nothing(
    client: Client, provider: IdentityProvider, query: str
) -> None:
    sign_in(client)
    assert Client().get(f"{SLS}?{query}")["Location"] == "/accounts/login/"
    assert SignIn.objects.count() == 1
    assert client.get("/").status_code == 200


def test_signing_out_here_signs_out_there(client: Client, provider: IdentityProvider) -> None:
    sign_in(client)
    there = way_out(client.post("/accounts/logout/"))
    assert not is_signed_in(client)
    assert there.startswith(IDP + "/slo?")
    query = parse_qs(urlsplit(there).query)
    request = inflate(query["SAMLRequest"][0])
    assert request.findtext("saml:NameID", namespaces=NAMESPACES) == "subject-1"
    assert request.findtext("samlp:SessionIndex", namespaces=NAMESPACES) == "_session"
    answer = make_logout(
        "LogoutResponse", issuer=ISSUER, destination=HOST + SLS, in_response_to=request.get("ID"), session_index=None
    )
    assert client.get(f"{SLS}?{signed_query('SAMLResponse', answer, KEY)}")["Location"] == "/accounts/login/"


def test_a_provider_that_keeps_its_session_is_not_asked(client: Client, db: None) -> None:
    make_provider(ends_provider_session=False)
    sign_in(client)
    assert client.post("/accounts/logout/")["Location"].startswith("/")
