"""What a page may send over the socket. Anything else is malformed, and the socket closes with 4400."""

import json
from dataclasses import dataclass
from typing import Literal, cast
from uuid import UUID

FrameType = Literal["subscribe", "unsubscribe", "stop"]
FRAME_TYPES = frozenset({"subscribe", "unsubscribe", "stop"})


class MalformedFrameError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Frame:
    type: FrameType
    generation: UUID


def parse_frame(text: str) -> Frame:
    """Raises MalformedFrameError. Unknown keys are ignored, so that old and new pages can run side by side."""
    try:
        raw = json.loads(text)
        if not isinstance(raw, dict) or raw.get("type") not in FRAME_TYPES:
            raise MalformedFrameError
        return Frame(cast("FrameType", raw["type"]), UUID(raw["generation"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedFrameError from error
