"""National identity and tax numbers whose form or checksum makes a chance hit unlikely."""

from collections.abc import Callable
from dataclasses import dataclass

from stdnum.be import nn
from stdnum.ch import ssn as ahv
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.pl import pesel
from stdnum.us import ssn


@dataclass(frozen=True, slots=True)
class NationalId:
    """`is_valid` gets the text as written, with its spaces and marks."""

    country: str
    pattern: str
    is_valid: Callable[[str], bool]


def _is_national_insurance_number(number: str) -> bool:
    """United Kingdom: no check digit; these prefixes are never given out."""
    return number[:2].upper() not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


NATIONAL_IDS = (
    NationalId("be", r"\b\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}\b", nn.is_valid),
    NationalId("ch", r"\b756\.\d{4}\.\d{4}\.\d{2}\b", ahv.is_valid),
    NationalId("de", r"\b[1-9]\d ?\d{3} ?\d{3} ?\d{3}\b", idnr.is_valid),
    NationalId("es", r"\b\d{8}-?[A-Z]\b", dni.is_valid),
    NationalId("es", r"\b[XYZ]-?\d{7}-?[A-Z]\b", nie.is_valid),
    NationalId("fr", r"\b[1278] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}\b", nir.is_valid),
    NationalId(
        "gb",
        r"(?i:\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d{2}){3} ?[A-D]\b)",
        _is_national_insurance_number,
    ),
    NationalId("it", r"(?i:\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b)", codicefiscale.is_valid),
    NationalId("pl", r"\b\d{11}\b", pesel.is_valid),
    NationalId("us", r"\b\d{3}-\d{2}-\d{4}\b", ssn.is_valid),
)
