"""The one active policy of the demo company, in the form that the policies page and the API take."""

from typing import Any

NAME = "company"

# Invented code names of projects that must not leave the circle of those who work on them.
CODE_NAMES = [
    r"(?i:\bproject[ -]{1,2}nightjar\b)",
    r"(?i:\b(?:project[ -]{1,2})?cobalt[ -]heron\b)",
    r"(?i:\b(?:project[ -]{1,2})?silver[ -]lantern\b)",
]
# Words aimed at people. They are only flagged: a person decides what was meant.
ABUSE = [
    "idiot",
    "idiots",
    "moron",
    "stupid cow",
    "piece of shit",
    "fuck you",
    "go to hell",
    "kill yourself",
    "i will hurt you",
    "you people are worthless",
]
PERSONAL_DATA = ["card", "iban", "national_id"]


def _at(stage: str, kind: str, name: str, action: str, severity: str, **fields: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": f"{name} ({stage})",
        "stage": stage,
        "action": action,
        "severity": severity,
        **fields,
    }


CHECKS: list[dict[str, Any]] = [
    *(
        check
        for stage in ("input", "output")
        for check in (
            _at(stage, "pattern", "confidential project names", "block", "high", patterns=CODE_NAMES),
            _at(stage, "pii", "card, account and identity numbers", "mask", "medium", entities=PERSONAL_DATA),
            _at(stage, "secrets", "keys and passwords", "mask", "high"),
        )
    ),
    # Nobody writes these by hand: in a document they are hidden orders, or a copy from a strange place.
    _at("context", "invisible", "invisible text", "mask", "medium"),
    _at("input", "pattern", "abuse of people", "flag", "low", words=ABUSE),
    # Classifiers are not precise enough to take text away: a person decides.
    # 0.9 finds "Ignore all previous instructions"; for that one or two look-alikes of a hundred are read in vain.
    _at("input", "injection", "orders to the assistant", "flag", "medium", threshold=0.9),
    _at("input", "toxicity", "offensive language", "flag", "low"),
    _at("output", "toxicity", "offensive language", "flag", "medium"),
    # A model outside the company sees [PERSON_1] instead; the answer has the name again.
    _at(
        "input",
        "pii",
        "names and addresses of people, to models outside",
        "mask",
        "low",
        entities=["person", "email", "phone"],
        placeholder=True,
        external_only=True,
        fail="closed",
    ),
]
