from chatapp.moderation.checks.findings import Decision, Finding

__all__ = ["Decision", "Finding"]
