"""Who wrote an answer, in a few quiet words below it."""

from chatapp.conversations.models import Generation, Status


def byline_of(generation: Generation) -> str:
    """Empty while it runs and when no model wrote the text: nothing was found, or no model could answer."""
    version, first = generation.version, generation.fallback_from
    if version is None or generation.is_live or not _is_written_by_model(generation):
        return ""
    if generation.is_cached:
        return f"{version.name}, from the cache: same question, same sources"
    return f"{version.name}, because {first.name} did not answer" if first else f"Answered by {version.name}"


def _is_written_by_model(generation: Generation) -> bool:
    """A complete answer without a token is a fixed sentence; of one that broke off nobody counted the tokens."""
    if generation.status == Status.COMPLETE:
        return generation.completion_tokens > 0 or generation.is_cached
    return generation.status in {Status.STOPPED, Status.INTERRUPTED} and bool(generation.message.text)
