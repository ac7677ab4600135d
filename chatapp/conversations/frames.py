"""What a page may send over the socket. Anything else is malformed, and the socket closes with 4400."""

import json
from dataclasses import dataclass
from typing import Any, Literal, cast
from uuid import UUID

FrameType = Literal["subscribe", "unsubscribe", "stop", "ping"]
FRAME_TYPES = frozenset({"subscribe", "unsubscribe", "stop", "ping"})
NOTHING = UUID(int=0)


class MalformedFrameError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Frame:
    """`seq` is the entry up to which the page shows the answer; `protocol` the newest kind of frames that it reads.

    A `ping` is about the socket alone, so its generation is NOTHING.
    """

    type: FrameType
    generation: UUID = NOTHING
    seq: int = 0
    protocol: int = 1


def parse_frame(text: str) -> Frame:
    """Raises MalformedFrameError. Unknown keys are ignored, so that old and new pages can run side by side."""
    try:
        raw = json.loads(text)
        if not isinstance(raw, dict) or raw.get("type") not in FRAME_TYPES:
            raise MalformedFrameError
        kind = cast("FrameType", raw["type"])
        if kind == "ping":
            return Frame(kind)
        return Frame(kind, UUID(raw["generation"]), _count(raw, "seq", 0), _count(raw, "protocol", 1))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedFrameError from error


def _count(raw: dict[str, Any], key: str, default: int) -> int:
    value = raw.get(key)
    if value is None:
        return default
    if type(value) is not int or value < 0:
        raise MalformedFrameError
    return value
