from dataclasses import dataclass
from typing import Literal

from chatapp.errors import ChatappError

Stage = Literal["downloading", "checking", "ready"]


class ArtifactError(ChatappError):
    """A model file cannot be had or is not what its hash says.

    `str()` is the reason, for the operator; `message` is what a user may be told.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("model_unavailable")
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class ArtifactBusyError(ArtifactError):
    """Another process is at it; what it fetches will do for this one, too."""


@dataclass(frozen=True)
class Progress:
    """`total_bytes` is 0 while nobody has said how many there are."""

    name: str
    stage: Stage
    source: str
    done_bytes: int
    total_bytes: int
