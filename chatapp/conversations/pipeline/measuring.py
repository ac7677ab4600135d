"""Metrics of one finished answer."""

from django.utils import timezone

from chatapp.conversations.metrics import (
    GENERATION_DURATION,
    GENERATION_TOKENS,
    GENERATION_TTFT,
    GENERATIONS,
    QUEUE_WAIT,
)
from chatapp.conversations.models import Generation
from chatapp.conversations.services import FinishedAnswer
from chatapp.inference.engine import Stream
from chatapp.inference.metrics import ENGINE_PREFIX_REUSED


def measure(generation: Generation, finished: FinishedAnswer, stream: Stream | None) -> None:
    claimed = generation.claimed_at
    assert claimed is not None  # noqa: S101 - set by the claim
    version = generation.version.name if generation.version else ""
    GENERATIONS.labels(status=finished.status, model_version=version).inc()
    QUEUE_WAIT.observe((claimed - generation.created_at).total_seconds())
    GENERATION_DURATION.observe((timezone.now() - claimed).total_seconds())
    if finished.first_token_at is not None:
        GENERATION_TTFT.observe((finished.first_token_at - claimed).total_seconds())
    if not generation.is_cached:
        GENERATION_TOKENS.labels(direction="prompt").inc(finished.prompt_tokens)
        GENERATION_TOKENS.labels(direction="completion").inc(finished.completion_tokens)
    if stream is not None:
        ENGINE_PREFIX_REUSED.inc(stream.usage.reused_tokens)
