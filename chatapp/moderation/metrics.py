"""What the policies find."""

from prometheus_client import Counter

MODERATION_VERDICTS = Counter(
    "chatapp_moderation_verdicts", "Findings of checks, as they are recorded.", ["stage", "action", "check"]
)
