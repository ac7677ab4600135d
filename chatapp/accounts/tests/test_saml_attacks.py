"""B14, D05, B13: responses that are forged, wrapped, stretched, replayed or meant for somebody else.

Each test first makes sure that the same response without the attack is accepted: see `attacked`.
"""

import base64
import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import xmlsec
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from lxml import etree

from chatapp.accounts.models import AuditEvent, IdentityProvider, SamlAssertion, User
from chatapp.accounts.tests.saml_case import (
    BASE,
    KEY,
    answer_to,
    ask,
    is_signed_in,
    make_provider,
    post,
    provider,
    sign_in,
)
from tests.identity.saml_documents import (
    DS,
    NAMESPACES,
    SAML,
    SAMLP,
    Answer,
    encode,
    make_assertion,
    make_key,
    make_response,
    sign,
    signed_response,
)
from tests.listener import Listener

__all__ = ["provider"]
EVIL = {"name_id": "administrator", "assertion_id": "_evil"}


def assert_refused(client: Client, document: Any) -> None:
    """Nobody is signed in, nothing is kept, and the person reads a sentence on the sign-in page."""
    before = User.objects.count()
    response = post(document)
    assert (response.status_code, response.get("Location")) == (302, "/accounts/login/"), response
    assert not SamlAssertion.objects.exists()
    assert User.objects.count() == before
    assert not SocialAccount.objects.exists()
    assert not is_signed_in(client)
    assert AuditEvent.objects.filter(action="session.sso_failed").exists()


def find(document: Any, path: str) -> Any:
    return document.find(path, NAMESPACES)


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": "https://other.example/metadata"},
        {"audience": ""},
        {"recipient": "http://testserver/accounts/saml/works/acs/more"},
        {"recipient": "https://other.example/acs"},
        {"destination": "https://other.example/acs"},
        {"destination": "http://testserver/accounts/saml/works/acs/more"},
        {"destination": ""},
        {"confirmed_request": "_another"},
        {"issuer": "https://other.example/metadata"},
        {"not_on_or_after": -70},
        {"not_before": 120},
        {"name_id": ""},
        {"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"},
    ],
    ids=str,
)
@pytest.mark.parametrize("whole", [False, True])
def test_b14_a_signed_response_that_is_not_for_us_now_is_refused(
    client: Client, provider: IdentityProvider, changes: dict[str, Any], whole: bool
) -> None:
    assert_refused(client, signed_response(answer_to(ask(client), **changes), KEY, whole=whole))


def test_b14_an_unsigned_response_is_refused(client: Client, provider: IdentityProvider) -> None:
    assert_refused(client, make_response(answer_to(ask(client))))


def test_b14_another_key_is_refused_though_its_certificate_comes_along(
    client: Client, provider: IdentityProvider
) -> None:
    assert_refused(client, signed_response(answer_to(ask(client)), make_key("stranger")))


@pytest.mark.parametrize(
    "algorithms",
    [
        {"method": xmlsec.constants.TransformRsaSha1},
        {"digest": xmlsec.constants.TransformSha1},
        {"method": xmlsec.constants.TransformRsaSha1, "digest": xmlsec.constants.TransformSha1},
    ],
)
def test_b14_sha_1_is_refused(client: Client, provider: IdentityProvider, algorithms: dict[str, Any]) -> None:
    assert_refused(client, signed_response(answer_to(ask(client)), KEY, **algorithms))


def test_b14_a_public_key_does_not_sign_as_a_shared_secret(client: Client, provider: IdentityProvider) -> None:
    response = make_response(answer_to(ask(client)))
    assertion = find(response, "saml:Assertion")
    signature = xmlsec.template.create(
        assertion, xmlsec.constants.TransformExclC14N, xmlsec.constants.TransformHmacSha256, ns="ds"
    )
    assertion.insert(1, signature)
    reference = xmlsec.template.add_reference(
        signature, xmlsec.constants.TransformSha256, uri="#" + assertion.get("ID")
    )
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, KEY.certificate)
    xmlsec.tree.add_ids(assertion, ["ID"])
    context.sign(signature)
    assert_refused(client, response)


@pytest.mark.parametrize("path", [".//saml:NameID", ".//saml:Audience", "saml:Assertion/saml:Issuer"])
def test_b14_what_was_signed_cannot_be_changed(client: Client, provider: IdentityProvider, path: str) -> None:
    response = signed_response(answer_to(ask(client)), KEY)
    find(response, path).text = "changed"
    assert_refused(client, response)


# --- Signature wrapping: Somorovsky et al., "On Breaking SAML", variants 1 to 8. ---


def _evil(answer: Answer) -> Any:
    return make_assertion(answer.but(**EVIL))


def wrap_1(answer: Answer) -> Any:
    """The signed response inside the signature of an evil response."""
    good = signed_response(answer, KEY, whole=True)
    evil = make_response(answer.but(response_id="_evil_response", **EVIL))
    signature = find(good, "ds:Signature")
    good.remove(signature)
    evil.insert(1, signature)
    etree.SubElement(signature, f"{{{DS}}}Object").append(good)
    return evil


def wrap_2(answer: Answer) -> Any:
    """The signed response beside its detached signature in an evil response."""
    good = signed_response(answer, KEY, whole=True)
    evil = make_response(answer.but(response_id="_evil_response", **EVIL))
    signature = find(good, "ds:Signature")
    good.remove(signature)
    evil.insert(1, good)
    evil.insert(1, signature)
    return evil


def _beside(answer: Answer, *, evil_first: bool) -> Any:
    response = signed_response(answer, KEY)
    good = find(response, "saml:Assertion")
    (good.addprevious if evil_first else good.addnext)(_evil(answer))
    return response


def wrap_3(answer: Answer) -> Any:
    """An evil assertion before the signed one."""
    return _beside(answer, evil_first=True)


def wrap_3_after(answer: Answer) -> Any:
    return _beside(answer, evil_first=False)


def wrap_4(answer: Answer) -> Any:
    """The signed assertion inside the evil one."""
    response = signed_response(answer, KEY)
    good = find(response, "saml:Assertion")
    evil = _evil(answer)
    response.replace(good, evil)
    evil.append(good)
    return response


def wrap_5(answer: Answer) -> Any:
    """The signature moved to the evil assertion, the signed one behind it."""
    response = signed_response(answer, KEY)
    good = find(response, "saml:Assertion")
    signature = find(good, "ds:Signature")
    evil = _evil(answer)
    good.remove(signature)
    evil.insert(1, signature)
    good.addprevious(evil)
    return response


def _under_signature(answer: Answer, *, as_object: bool) -> Any:
    response = signed_response(answer, KEY)
    good = find(response, "saml:Assertion")
    signature = find(good, "ds:Signature")
    evil = _evil(answer)
    response.replace(good, evil)
    good.remove(signature)
    evil.insert(1, signature)
    (etree.SubElement(signature, f"{{{DS}}}Object") if as_object else signature).append(good)
    return response


def wrap_6(answer: Answer) -> Any:
    """The signed assertion inside its signature, which stands in the evil one."""
    return _under_signature(answer, as_object=False)


def wrap_7(answer: Answer) -> Any:
    """The signed assertion in an extension of the response."""
    response = signed_response(answer, KEY)
    good = find(response, "saml:Assertion")
    response.replace(good, _evil(answer))
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    find(response, "saml:Issuer").addnext(extensions)
    extensions.append(good)
    return response


def wrap_8(answer: Answer) -> Any:
    """The signed assertion in an object of its signature."""
    return _under_signature(answer, as_object=True)


def wrap_same_id(answer: Answer) -> Any:
    """The evil assertion has the ID that the signature names."""
    response = signed_response(answer, KEY)
    good = find(response, "saml:Assertion")
    good.addprevious(make_assertion(answer.but(name_id="administrator")))
    return response


def wrap_empty_reference(answer: Answer) -> Any:
    response = signed_response(answer, KEY)
    find(response, ".//ds:Reference").set("URI", "")
    return response


def wrap_xpath(answer: Answer) -> Any:
    """A further transform would choose what is covered."""
    response = signed_response(answer, KEY)
    transform = etree.SubElement(find(response, ".//ds:Transforms"), f"{{{DS}}}Transform")
    transform.set("Algorithm", "http://www.w3.org/TR/1999/REC-xpath-19991116")
    etree.SubElement(transform, f"{{{DS}}}XPath").text = "not(ancestor-or-self::*[local-name()='Subject'])"
    return response


def wrap_two_digests(answer: Answer) -> Any:
    """Of two digests a reader may check the one and a signer have signed the other (CVE-2024-45409)."""
    response = signed_response(answer, KEY)
    digest = find(response, ".//ds:DigestValue")
    find(response, "samlp:Status").append(copy.deepcopy(digest))
    find(response, ".//saml:NameID").text = "administrator"
    return response


WRAPPINGS = [value for name, value in sorted(globals().items()) if name.startswith("wrap_")]


@pytest.mark.parametrize("wrap", WRAPPINGS, ids=lambda it: it.__name__)
def test_b14_wrapped_signatures_are_refused(
    client: Client, provider: IdentityProvider, wrap: Callable[[Answer], Any]
) -> None:
    assert len(WRAPPINGS) == 13
    request_id = ask(client)
    assert_refused(client, wrap(answer_to(request_id)))
    # What it was made of is accepted.
    assert post(signed_response(answer_to(request_id), KEY))["Location"].startswith(BASE + "acs/finish/")


def test_b14_two_signed_assertions_are_refused(client: Client, provider: IdentityProvider) -> None:
    answer = answer_to(ask(client))
    response = signed_response(answer, KEY)
    find(response, "saml:Assertion").addnext(sign(make_assertion(answer.but(**EVIL)), KEY))
    assert_refused(client, response)


@pytest.mark.parametrize("inserted", [b"<!-- -->", b"<?x y?>"])
@pytest.mark.parametrize("whole", [False, True])
def test_b14_a_comment_does_not_shorten_a_name(
    client: Client, provider: IdentityProvider, inserted: bytes, whole: bool
) -> None:
    """CVE-2017-11427: the canonical form has no comments, so the signature of the longer name holds."""
    answer = answer_to(ask(client), name_id="administrator.evil.example")
    document = etree.tostring(signed_response(answer, KEY, whole=whole))
    assert_refused(client, document.replace(b"administrator.evil", b"administrator" + inserted + b".evil"))


def test_b14_a_response_is_accepted_once(client: Client, provider: IdentityProvider) -> None:
    document = signed_response(answer_to(ask(client)), KEY)
    waiting = post(document)["Location"]
    assert post(document)["Location"] == "/accounts/login/"
    client.get(waiting)
    assert is_signed_in(client)
    again = Client()
    assert again.get(waiting)["Location"] == "/accounts/login/"
    assert post(document)["Location"] == "/accounts/login/"
    assert client.get(waiting)["Location"] == "/accounts/login/"
    assert not is_signed_in(again)


def test_b14_an_answer_to_one_browser_signs_no_other_one_in(client: Client, provider: IdentityProvider) -> None:
    """Neither does a thief get in by it, nor does anybody come in as somebody else without knowing."""
    waiting = post(signed_response(answer_to(ask(client)), KEY))["Location"]
    other = Client()
    ask(other)
    assert other.get(waiting)["Location"] == "/accounts/login/"
    assert not is_signed_in(other)
    client.get(waiting)
    assert is_signed_in(client)


def test_b14_an_answer_to_another_provider_s_request_is_refused(client: Client, provider: IdentityProvider) -> None:
    make_provider(slug="other")
    waiting = post(signed_response(answer_to(ask(client)), KEY))["Location"]
    assert client.get(waiting.replace("works", "other"))["Location"] == "/accounts/login/"
    assert not is_signed_in(client)


def test_b14_two_answers_to_one_request_are_one_too_many(client: Client, provider: IdentityProvider) -> None:
    request_id = ask(client)
    post(signed_response(answer_to(request_id), KEY))
    second = signed_response(answer_to(request_id, assertion_id="_second"), KEY)
    assert post(second)["Location"] == "/accounts/login/"


def test_b14_a_disabled_person_stays_out(client: Client, provider: IdentityProvider) -> None:
    sign_in(client)
    User.objects.update(is_active=False)
    again = Client()
    sign_in(again)
    assert not is_signed_in(again)


@pytest.mark.parametrize(
    "message",
    ["", "%%%", "PGE+", "AAAA", "A" * 400_000, base64.b64encode(b"<a/>").decode(), "4pyT", "\ud83d\ude00"],
    ids=lambda it: repr(it)[:12],
)
def test_b14_nonsense_is_refused(client: Client, provider: IdentityProvider, message: str) -> None:
    assert_refused(client, message.encode("utf-8", "replace").decode())


# --- D05 ---


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


_LAUGHS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
DOCTYPES = {
    "external dtd": '<!DOCTYPE r SYSTEM "{url}/evil.dtd">',
    "external entity": '<!DOCTYPE r [<!ENTITY name SYSTEM "{url}/name">]>',
    "file": '<!DOCTYPE r [<!ENTITY name SYSTEM "file:///etc/passwd">]>',
    "parameter entity": '<!DOCTYPE r [<!ENTITY % p SYSTEM "{url}/p"> %p;]>',
    "billion laughs": f"<!DOCTYPE r [<!ENTITY l0 'lol'>{_LAUGHS}<!ENTITY name '&l9;'>]>",
    "plain entity": '<!DOCTYPE r [<!ENTITY name "administrator">]>',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-7"])
@pytest.mark.parametrize("kind", DOCTYPES)
def test_d05_document_types_and_entities_are_refused_unread(
    client: Client, provider: IdentityProvider, listener: Listener, kind: str, encoding: str
) -> None:
    text = etree.tostring(signed_response(answer_to(ask(client)), KEY)).decode()
    text = re.sub("subject-1", "&name;", text)
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'
    assert_refused(client, (declared + DOCTYPES[kind].format(url=listener.url) + text).encode(encoding))
    assert listener.calls == 0


def test_d05_a_stylesheet_and_an_include_are_not_followed(
    client: Client, provider: IdentityProvider, listener: Listener
) -> None:
    answer = answer_to(ask(client))
    text = etree.tostring(signed_response(answer, KEY))
    assert_refused(client, f'<?xml-stylesheet href="{listener.url}/s.xsl"?>'.encode() + text)
    response = signed_response(answer, KEY)
    include = etree.SubElement(response, "{http://www.w3.org/2001/XInclude}include")
    include.set("href", listener.url)
    assert_refused(client, response)
    response = signed_response(answer, KEY)
    response.set("{http://www.w3.org/2001/XMLSchema-instance}schemaLocation", f"{SAML} {listener.url}/schema.xsd")
    post(response)
    assert listener.calls == 0


# --- B13 ---


@pytest.mark.parametrize("url", ["//evil.example", "https:evil.example", "\\\\evil.example", "javascript:alert(1)"])
def test_b13_neither_relay_state_nor_next_leads_elsewhere(client: Client, provider: IdentityProvider, url: str) -> None:
    waiting = post(signed_response(answer_to(ask(client, next=url)), KEY), RelayState=url)["Location"]
    assert waiting.startswith(BASE + "acs/finish/")
    assert "evil" not in waiting
    assert client.get(waiting)["Location"] == "/"
    assert is_signed_in(client)


def test_b13_next_is_what_the_browser_asked_for_and_not_what_comes_back(
    client: Client, provider: IdentityProvider
) -> None:
    waiting = post(signed_response(answer_to(ask(client, next="/knowledge/")), KEY), RelayState="/console/")
    assert client.get(waiting["Location"])["Location"] == "/knowledge/"


def test_the_messages_of_tests_are_read_as_they_are_meant(client: Client, provider: IdentityProvider) -> None:
    assert post(encode(signed_response(answer_to(ask(client)), KEY)))["Location"].startswith(BASE)
