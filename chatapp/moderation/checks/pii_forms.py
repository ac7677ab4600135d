"""Personal data that a checksum or a strict form proves.

Sources: ISO/IEC 7812 with Luhn for cards, ISO 13616 for IBAN, python-stdnum for national numbers.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from stdnum import iban, luhn

from chatapp.moderation.checks.matcher import Confirm, Matcher, build_matcher
from chatapp.moderation.checks.national_ids import NATIONAL_IDS

FORMS = ("card", "iban", "national_id", "email", "phone")

# Between digits: a space, a no-break space or a hyphen.
CARD = r"\b[1-6](?:[ \x{a0}-]?\d){11,18}\b"
IBAN = r"(?i:\b[A-Z]{2}\d{2}(?:[ \x{a0}-]?[A-Z0-9]){11,30}\b)"
EMAIL = r"(?i:\b[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24}\b)"
PHONE = r"\+\d{1,3}(?:[ \x{a0}/.-]?\(?\d{1,4}\)?){2,6}"
# Visa, Mastercard, American Express, Diners, Discover, JCB (its older ones too), UnionPay, Maestro: issuers' ranges.
_CARD_NUMBER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"
    r"|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}"
    r"|35(?:2[89]|[3-8]\d)\d{12}|(?:1800|2131)\d{11}"
    r"|62\d{14,17}"
    r"|(?:5018|5020|5038|5[6-8]\d\d|6304|6390|67\d\d)\d{8,15}"
)


def build_form(entity: str, *, company_domains: Sequence[str], company_numbers: Sequence[str]) -> Iterator[Matcher]:
    """`entity` is one of FORMS."""
    match entity:
        case "card":
            yield build_matcher(CARD, _confirm_card, "[card number removed]", "CARD")
        case "iban":
            yield build_matcher(IBAN, _longest_valid(iban.is_valid), "[account number removed]", "IBAN")
        case "national_id":
            for number in NATIONAL_IDS:
                confirm = _longest_valid(number.is_valid)
                yield build_matcher(number.pattern, confirm, "[identity number removed]", "NATIONAL_ID")
        case "email":
            yield build_matcher(EMAIL, _private_email(company_domains), "[e-mail address removed]", "EMAIL")
        case "phone":
            yield build_matcher(PHONE, _private_phone(company_numbers), "[phone number removed]", "PHONE")


def is_private_number(written: str, company_numbers: Sequence[str]) -> bool:
    """As long as the numbering plans allow (ITU-T E.164 has 15 digits), and not one of the company's own."""
    digits = re.sub(r"\D", "", written)
    return 7 <= len(digits) <= 15 and not digits.startswith(tuple(re.sub(r"\D", "", own) for own in company_numbers))


def _longest_valid(is_valid: Callable[[str], bool]) -> Confirm:
    """The longest beginning of the match that ends with a group of characters and is valid."""

    def confirm(text: str, start: int, end: int) -> tuple[int, int] | None:
        for stop in range(end, start, -1):
            ends_group = text[stop - 1].isalnum() and not (stop < len(text) and text[stop].isalnum())
            if ends_group and is_valid(text[start:stop]):
                return start, stop
        return None

    return confirm


def _confirm_card(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The longest valid number that the match begins with and that ends with a group of digits."""
    places = [at for at in range(start, end) if text[at].isdigit()]
    digits = "".join(text[at] for at in places)
    for count in range(len(digits), 11, -1):
        stop = places[count - 1] + 1
        ends_group = not (stop < len(text) and text[stop].isalnum())
        if ends_group and _CARD_NUMBER.fullmatch(digits, 0, count) and luhn.is_valid(digits[:count]):
            return start, stop
    return None


def _private_email(company_domains: Sequence[str]) -> Confirm:
    endings = tuple(domain.lower().lstrip("@.") for domain in company_domains)

    def confirm(text: str, start: int, end: int) -> tuple[int, int] | None:
        domain = text[start:end].rpartition("@")[2].lower()
        ours = any(domain == ending or domain.endswith("." + ending) for ending in endings)
        return None if ours else (start, end)

    return confirm


def _private_phone(company_numbers: Sequence[str]) -> Confirm:
    def confirm(text: str, start: int, end: int) -> tuple[int, int] | None:
        written = text[start:end]
        if written.count(")") > written.count("("):  # one that was opened before the number
            end -= 1
        return (start, end) if is_private_number(written, company_numbers) else None

    return confirm
