"""One question to an external version, to see that its endpoint answers as the record says."""

import time

from chatapp.inference.engine import EngineError
from chatapp.inference.models import ModelVersion, Provider
from chatapp.inference.providers import open_provider

_SECONDS = 60.0
_MAX_TOKENS = 16
_LONGEST_QUOTE = 60


def ask_once(version: ModelVersion) -> str:
    """What came back, in a sentence. Raises EngineError, whose text says what is wrong."""
    started = time.monotonic()
    if version.provider == Provider.MODERATION:
        return _score_once(version, started)
    model = open_provider(version)
    try:
        question = "Answer with the word yes."
        stream = model.chat([{"role": "user", "content": question}], max_tokens=_MAX_TOKENS, time_limit=_SECONDS)
        text = "".join(stream).strip()
    finally:
        model.close()
    if not text:
        raise EngineError("It answered without a word. Look at the model's name and at its limits.")
    shown = text[:_LONGEST_QUOTE] if text.isprintable() else "a text"
    return f"It answered a test question within {time.monotonic() - started:.1f} seconds: “{shown}”."


def _score_once(version: ModelVersion, started: float) -> str:
    from chatapp.inference.providers.moderation import ModerationClient

    client = ModerationClient(version, list(version.endpoints.all()))
    try:
        scores = client.score(["Hello."], seconds=_SECONDS)[0]
    finally:
        client.close()
    return f"It judged a test text within {time.monotonic() - started:.1f} seconds, in {len(scores)} categories."
