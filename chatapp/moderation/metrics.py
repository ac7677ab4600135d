"""What the policies find, and how long they take."""

from prometheus_client import Counter, Histogram

MODERATION_VERDICTS = Counter(
    "chatapp_moderation_verdicts", "Findings of checks, as they are recorded.", ["stage", "action", "check"]
)
CHECK_SECONDS = Histogram(
    "chatapp_moderation_check_seconds",
    "One look of a check at a text or a window of it.",
    ["check", "stage"],
    buckets=(0.0005, 0.002, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60),
)
CHECK_FAILURES = Counter(
    "chatapp_moderation_check_failures",
    "Looks that a check could not take, so that its fail rule decided: `slow` or `down`.",
    ["check", "failure"],
)
FEEDBACK = Counter("chatapp_feedback", "Thumbs that employees gave answers, changed ones again.", ["rating"])
