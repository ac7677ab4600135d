class SamlError(Exception):
    """A provider's message or metadata was refused. The text is for the log and holds nothing that was sent."""


class UnsolicitedError(SamlError):
    """A valid response that answers no request, as when a provider's own portal starts the sign-in."""
