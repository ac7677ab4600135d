"""Numbers of documents, phones and hosts that Presidio recognises; those of a strict form are in `pii_forms`."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.moderation.checks.examiner import Hit


@dataclass(frozen=True, slots=True)
class Numbered:
    """One entity of a policy: the kinds of Presidio that make it."""

    kinds: tuple[str, ...]
    label: str
    mask: str


_OTHER_IDS = (
    *("DE_ID_CARD", "DE_SOCIAL_SECURITY", "FI_PERSONAL_IDENTITY_CODE", "KR_RRN"),
    *("SE_PERSONNUMMER", "SG_NRIC_FIN", "TR_NATIONAL_ID", "UK_DRIVING_LICENCE", "UK_PASSPORT"),
    *("US_ITIN", "US_MBI", "US_PASSPORT", "ZA_ID_NUMBER"),
)
NUMBERED = {
    "other_id": Numbered(_OTHER_IDS, "NATIONAL_ID", "[identity number removed]"),
    "local_phone": Numbered(("PHONE_NUMBER",), "PHONE", "[phone number removed]"),
    "ip_address": Numbered(("IP_ADDRESS",), "IP_ADDRESS", "[IP address removed]"),
}


@dataclass(frozen=True, slots=True)
class NumberExaminer:
    """`entities` are those that NUMBERED knows."""

    entities: tuple[str, ...]
    longest: int = 2_000
    is_remote: bool = False

    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        from chatapp.moderation.presidio import find

        of_kind = {kind: NUMBERED[entity] for entity in self.entities for kind in NUMBERED[entity].kinds}
        return [
            [
                Hit(found.start, found.end, score=found.score, mask=named.mask, label=named.label)
                for found in find(text, list(of_kind))
                for named in [of_kind[found.entity_type]]
            ]
            for text in texts
        ]
