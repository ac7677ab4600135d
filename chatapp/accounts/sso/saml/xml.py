"""What XML of a provider may look like, before and after the toolkit reads it.

Stricter than the standards: signed text whose reading depends on the reader is refused, whoever signed it.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names

from chatapp.accounts.sso.saml.errors import SamlError

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_DECLARATION = re.compile(r"\s*<\?xml\s[^<>]*\?>")
MAX_BYTES = 256 * 1024
_DS = f"{{{Names.NS_DS}}}"
_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_EXCLUSIVE = {_C14N, _C14N + "WithComments"}
_TRANSFORMS = {*_EXCLUSIVE, Names.NS_DS + "enveloped-signature"}
_RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-"
_ECDSA = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-"
_PSS = "http://www.w3.org/2007/05/xmldsig-more#"
_SIGNATURES = {
    *(_RSA + size for size in ("sha256", "sha384", "sha512")),
    *(_ECDSA + size for size in ("sha256", "sha384", "sha512")),
    *(f"{_PSS}{size}-rsa-MGF1" for size in ("sha256", "sha384", "sha512")),
}
_DIGESTS = {Names.SHA256, Names.SHA384, Names.SHA512}


def decode_message(encoded: str) -> bytes:
    """Raises SamlError for what is too long, not base64 of UTF-8, declares a document type or holds a comment.

    A comment is outside of what is signed (CVE-2017-11427); the toolkit's parser drops it before it can be seen.
    """
    if len(encoded) > MAX_BYTES * 4 // 3:
        message = "the message is too long"
        raise SamlError(message)
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
        text = data.decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        message = "the message is not base64 of UTF-8"
        raise SamlError(message) from error
    check_text(text)
    if "<!--" in text or "<?" in _DECLARATION.sub("", text, count=1):
        message = "there is a comment or an instruction in the message"
        raise SamlError(message)
    return data


def check_text(text: str) -> None:
    """Entities and DTDs are refused before any parser sees them. Raises SamlError."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        message = "a document type is declared"
        raise SamlError(message)
    declaration = _DECLARATION.match(text)
    if declaration and "encoding" in declaration[0] and "utf-8" not in declaration[0].lower():
        message = "the encoding is not UTF-8"
        raise SamlError(message)


def check_signatures(root: "Element") -> None:
    """Nothing in the document may be covered in two ways: IDs, references, transforms. Raises SamlError."""
    ids = [str(value) for value in root.xpath("//@ID | //@Id | //@id | //@AssertionID")]
    if len(ids) != len(set(ids)):
        message = "an ID stands twice"
        raise SamlError(message)
    for signature in root.iter(_DS + "Signature"):
        if complaint := next(_complaints(signature), ""):
            raise SamlError(complaint)


def _complaints(signature: "Element") -> Iterator[str]:
    signed = signature.getparent()
    references = list(signature.iter(_DS + "Reference"))
    if signed is None or len(references) != 1 or references[0].get("URI") != f"#{signed.get('ID')}":
        yield "a signature does not cover the element around it"
    if any(list(signature.iter(_DS + kind)) for kind in ("Object", "Manifest", "RetrievalMethod")):
        yield "a signature carries other content"
    if not _algorithms(signature, "Transform") <= _TRANSFORMS:
        yield "a signature transforms what it covers"
    if not _algorithms(signature, "CanonicalizationMethod") <= _EXCLUSIVE:
        yield "the canonical form is not the exclusive one"
    if not (
        _algorithms(signature, "SignatureMethod") <= _SIGNATURES and _algorithms(signature, "DigestMethod") <= _DIGESTS
    ):
        yield "the algorithm is not an accepted one"


def _algorithms(signature: "Element", kind: str) -> set[str | None]:
    return {found.get("Algorithm") for found in signature.iter(_DS + kind)}
