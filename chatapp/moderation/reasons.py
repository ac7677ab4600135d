"""Why reviewers decide as they do, by code: figures count codes, people read the words."""

from chatapp.errors import ChatappError

MAX_REASON_CHARACTERS = 1000
OTHER = "other"
# The first of each decision is what a decision by a single key means.
REASONS: dict[str, dict[str, str]] = {
    "uphold": {
        "breaks_rule": "Breaks the rule.",
        "personal_data": "Contains personal data.",
        "confidential": "Contains confidential information.",
        "abuse": "Abuse or hate.",
        "injection": "Tries to give the assistant orders.",
        "wrong_answer": "The answer is wrong.",
        OTHER: "Another reason.",
    },
    "dismiss": {
        "false_alarm": "False alarm.",
        "public": "Public information.",
        "allowed_for_work": "Allowed for this person's work.",
        OTHER: "Another reason.",
    },
    "escalate": {
        "unsure": "Not sure: somebody with more say should decide.",
        "serious": "Serious: more than this flag should follow.",
        OTHER: "Another reason.",
    },
}


def default_code(decision: str) -> str:
    return next(iter(REASONS.get(decision, {})), "")


def check_reason(decision: str, code: str, words: str) -> tuple[str, str]:
    """The code and the words as they are kept; without a code it is `other`, which needs words.

    Raises ChatappError("invalid").
    """
    if decision not in REASONS:
        raise ChatappError("invalid", detail=f"decision must be one of {', '.join(REASONS)}.")
    code, words = code or OTHER, words.strip()
    if code not in REASONS[decision]:
        raise ChatappError("invalid", detail=f"reason_code must be one of {', '.join(REASONS[decision])}.")
    if (code == OTHER and not words) or len(words) > MAX_REASON_CHARACTERS or "\0" in words:
        raise ChatappError("invalid", detail=f"give a reason of 1 to {MAX_REASON_CHARACTERS} characters.")
    return code, words


def sentence_of(decision: str, code: str, words: str) -> str:
    label = "" if code == OTHER else REASONS.get(decision, {}).get(code, "")
    return f"{label} {words}".strip()
