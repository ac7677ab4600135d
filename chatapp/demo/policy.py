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


def _code_names(stage: str) -> dict[str, Any]:
    return {
        "kind": "pattern",
        "name": f"confidential project names ({stage})",
        "stage": stage,
        "action": "block",
        "severity": "high",
        "patterns": CODE_NAMES,
    }


def _personal_data(stage: str) -> dict[str, Any]:
    return {
        "kind": "pii",
        "name": f"card, account and identity numbers ({stage})",
        "stage": stage,
        "action": "mask",
        "severity": "medium",
        "entities": PERSONAL_DATA,
    }


CHECKS: list[dict[str, Any]] = [
    _code_names("input"),
    _code_names("output"),
    _personal_data("input"),
    _personal_data("output"),
    {
        "kind": "pattern",
        "name": "abuse of people",
        "stage": "input",
        "action": "flag",
        "severity": "low",
        "words": ABUSE,
    },
]
