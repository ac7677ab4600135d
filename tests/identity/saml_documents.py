"""Messages of a SAML 2.0 identity provider, made with lxml and xmlsec: valid, and with anything wrong on demand."""

import base64
import datetime as dt
import zlib
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import quote

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from lxml import etree

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
DS = "http://www.w3.org/2000/09/xmldsig#"
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
NAMESPACES = {"saml": SAML, "samlp": SAMLP, "ds": DS, "md": MD}
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
Element = Any


@dataclass(frozen=True)
class KeyPair:
    """A key of the provider, with a certificate for it."""

    key: bytes
    certificate: bytes

    @property
    def certificate_body(self) -> str:
        return "".join(self.certificate.decode().splitlines()[1:-1])


@cache
def make_key(name: str) -> KeyPair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyPair(private, certificate.public_bytes(encoding))


@dataclass(frozen=True)
class Answer:
    """What one response says. Times are seconds from now."""

    issuer: str
    acs: str
    audience: str
    in_response_to: str | None
    name_id: str = "subject-1"
    name_id_format: str = PERSISTENT
    attributes: dict[str, list[str]] = field(default_factory=dict)
    destination: str | None = None
    recipient: str | None = None
    confirmed_request: str | None = None
    assertion_id: str = "_assertion"
    response_id: str = "_response"
    session_index: str = "_session"
    not_before: int = -30
    not_on_or_after: int = 120
    status: str = "urn:oasis:names:tc:SAML:2.0:status:Success"

    def but(self, **changes: Any) -> "Answer":
        return replace(self, **changes)


def make_response(answer: Answer) -> Element:
    """An unsigned response."""
    issued = _time(0)
    response = etree.Element(f"{{{SAMLP}}}Response", nsmap={"samlp": SAMLP, "saml": SAML})
    response.attrib.update({"ID": answer.response_id, "Version": "2.0", "IssueInstant": issued})
    destination = answer.acs if answer.destination is None else answer.destination
    _set(response, Destination=destination, InResponseTo=answer.in_response_to)
    _add(response, "saml:Issuer", answer.issuer)
    _add(_add(response, "samlp:Status"), "samlp:StatusCode", Value=answer.status)
    response.append(make_assertion(answer))
    return response


def make_assertion(answer: Answer) -> Element:
    issued, ends = _time(0), _time(answer.not_on_or_after)
    assertion = etree.Element(f"{{{SAML}}}Assertion", nsmap={"saml": SAML})
    assertion.attrib.update({"ID": answer.assertion_id, "Version": "2.0", "IssueInstant": issued})
    _add(assertion, "saml:Issuer", answer.issuer)
    subject = _add(assertion, "saml:Subject")
    _add(subject, "saml:NameID", answer.name_id, Format=answer.name_id_format)
    confirmation = _add(subject, "saml:SubjectConfirmation", Method="urn:oasis:names:tc:SAML:2.0:cm:bearer")
    confirmed = answer.in_response_to if answer.confirmed_request is None else answer.confirmed_request
    recipient = answer.acs if answer.recipient is None else answer.recipient
    _add(confirmation, "saml:SubjectConfirmationData", NotOnOrAfter=ends, Recipient=recipient, InResponseTo=confirmed)
    conditions = _add(assertion, "saml:Conditions", NotBefore=_time(answer.not_before), NotOnOrAfter=ends)
    if answer.audience:
        _add(_add(conditions, "saml:AudienceRestriction"), "saml:Audience", answer.audience)
    statement = _add(assertion, "saml:AuthnStatement", AuthnInstant=issued, SessionIndex=answer.session_index)
    kind = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
    _add(_add(statement, "saml:AuthnContext"), "saml:AuthnContextClassRef", kind)
    if answer.attributes:
        statement = _add(assertion, "saml:AttributeStatement")
        for name, values in answer.attributes.items():
            attribute = _add(statement, "saml:Attribute", Name=name)
            for value in values:
                _add(attribute, "saml:AttributeValue", value)
    return assertion


def sign(
    element: Element,
    pair: KeyPair,
    *,
    method: Any = xmlsec.constants.TransformRsaSha256,
    digest: Any = xmlsec.constants.TransformSha256,
) -> Element:
    """Put an enveloped signature behind the issuer, as the schema wants it."""
    signature = xmlsec.template.create(element, xmlsec.constants.TransformExclC14N, method, ns="ds")
    element.insert(1, signature)
    reference = xmlsec.template.add_reference(signature, digest, uri="#" + element.get("ID"))
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformExclC14N)
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(signature))
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(pair.key, xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(pair.certificate, xmlsec.constants.KeyDataFormatPem)
    xmlsec.tree.add_ids(element, ["ID"])
    context.sign(signature)
    return element


def signed_response(answer: Answer, pair: KeyPair, *, whole: bool = False, **algorithms: Any) -> Element:
    """With a signed assertion, or signed as a `whole`."""
    response = make_response(answer)
    sign(response if whole else response.find("saml:Assertion", NAMESPACES), pair, **algorithms)
    # lxml does not find by name what xmlsec put into a tree.
    return etree.fromstring(etree.tostring(response))


def encode(document: Element | bytes) -> str:
    data = document if isinstance(document, bytes) else etree.tostring(document)
    return base64.b64encode(data).decode()


def deflate(document: Element | bytes) -> str:
    data = document if isinstance(document, bytes) else etree.tostring(document)
    return base64.b64encode(zlib.compress(data, 9)[2:-4]).decode()


def inflate(message: str) -> Element:
    return etree.fromstring(zlib.decompress(base64.b64decode(message), -15))


def signed_query(name: str, document: Element, pair: KeyPair, relay_state: str | None = None) -> str:
    """A message for the HTTP-Redirect binding, signed as Bindings 3.4.4.1 says."""
    parts = [(name, deflate(document)), ("RelayState", relay_state), ("SigAlg", RSA_SHA256)]
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in parts if value is not None)
    key: Any = serialization.load_pem_private_key(pair.key, None)
    signature = base64.b64encode(key.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    return f"{query}&Signature={quote(signature, safe='')}"


def make_logout(kind: str, *, issuer: str, destination: str, **content: str | None) -> Element:
    """`kind` is LogoutRequest (with `name_id`, `session_index`, `age`) or LogoutResponse (with `in_response_to`)."""
    root = etree.Element(f"{{{SAMLP}}}{kind}", nsmap={"samlp": SAMLP, "saml": SAML})
    issued = _time(-int(content.get("age") or 0))
    root.attrib.update({"ID": content.get("id") or "_logout", "Version": "2.0", "IssueInstant": issued})
    _set(root, Destination=destination, InResponseTo=content.get("in_response_to"))
    _add(root, "saml:Issuer", issuer)
    if kind == "LogoutResponse":
        success = "urn:oasis:names:tc:SAML:2.0:status:Success"
        _add(_add(root, "samlp:Status"), "samlp:StatusCode", Value=success)
        return root
    _add(root, "saml:NameID", content.get("name_id"), Format=PERSISTENT)
    if content.get("session_index"):
        _add(root, "samlp:SessionIndex", content["session_index"])
    return root


def make_metadata(issuer: str, base_url: str, *pairs: KeyPair, takes: str = REDIRECT) -> bytes:
    """`takes` is the binding of requests to sign in."""
    root = etree.Element(f"{{{MD}}}EntityDescriptor", nsmap={"md": MD, "ds": DS}, entityID=issuer)
    descriptor = _add(root, "md:IDPSSODescriptor", protocolSupportEnumeration=SAMLP)
    for pair in pairs:
        data = _add(_add(_add(descriptor, "md:KeyDescriptor", use="signing"), "ds:KeyInfo"), "ds:X509Data")
        _add(data, "ds:X509Certificate", pair.certificate_body)
    _add(descriptor, "md:SingleLogoutService", Binding=REDIRECT, Location=f"{base_url}/slo")
    _add(descriptor, "md:SingleSignOnService", Binding=takes, Location=f"{base_url}/sso")
    text: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return text


def _add(parent: Element, name: str, text: str | None = None, **attributes: str | None) -> Element:
    prefix, _, local = name.partition(":")
    child = etree.SubElement(parent, f"{{{NAMESPACES[prefix]}}}{local}")
    _set(child, **attributes)
    child.text = text
    return child


def _set(element: Element, **attributes: str | None) -> None:
    element.attrib.update({name: value for name, value in attributes.items() if value is not None})


def _time(seconds: int) -> str:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
