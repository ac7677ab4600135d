"""The words of the review page: filters and reasons."""

from collections.abc import Mapping

FILTERS = (("open", "Open"), ("mine", "Claimed by me"), ("claimed", "Claimed"), ("decided", "Decided"))
PRESETS = {
    "Uphold": ("Breaks the rule.", "Contains personal data.", "Contains confidential information."),
    "Dismiss": ("False alarm.", "Public information.", "Allowed for this person's work."),
}
DEFAULT_REASONS = {"uphold": "Breaks the rule.", "dismiss": "False alarm."}


def reason_from(form: Mapping[str, str], decision: str) -> str:
    """Own words, else the chosen reason, else the plain reason of that decision."""
    note, preset = form.get("note", "").strip(), form.get("reason", "").strip()
    if note and preset:
        return f"{preset} {note}"
    return note or preset or DEFAULT_REASONS.get(decision, "")
