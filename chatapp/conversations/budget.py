"""How much a prompt may hold, and how much of that a conversation fills."""

from django.conf import settings

from chatapp.conversations.models import Generation


def prompt_budget(context_tokens: int, max_tokens: int) -> int:
    """Tokens that a prompt may take: what the context leaves, and no more than the machine reads in good time."""
    return max(256, min(int(settings.PROMPT_MAX_TOKENS), context_tokens - max_tokens - 64))


def share_filled(generation: Generation, tokens: int) -> float:
    """Of the prompt budget, by so many tokens: above 1 when the next prompt cannot hold them; 0 without a version."""
    if generation.version is None:
        return 0.0
    return tokens / prompt_budget(generation.version.context_tokens, generation.max_tokens)


def percent_filled(generation: Generation) -> int | None:
    """Of the prompt budget, by an answer and all that was read for it; None while nothing was counted."""
    if generation.version is None or not generation.prompt_tokens:
        return None
    share = share_filled(generation, generation.prompt_tokens + generation.completion_tokens)
    return min(100, round(100 * share))
