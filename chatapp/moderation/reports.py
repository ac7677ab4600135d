"""Why employees report answers, by code, and how severe that is taken to be."""

from chatapp.moderation.models import Severity

MAX_REPORT_CHARACTERS = 1000
OTHER = "other"
REPORT_REASONS = {
    "wrong": "Wrong or made up",
    "unsafe": "Unsafe or offensive",
    "personal_data": "Shows personal data",
    "confidential": "Shows something confidential",
    OTHER: "Something else",
}
_LOW = {"wrong", OTHER}


def severity_of(reason: str) -> Severity:
    return Severity.LOW if reason in _LOW else Severity.MEDIUM
