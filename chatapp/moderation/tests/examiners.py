"""Examiners for tests: they find words, late, or fail."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chatapp.moderation.checks.check import Check, FailRule
from chatapp.moderation.checks.examiner import ExaminerError, Hit
from chatapp.moderation.models import Action, Severity, Stage


@dataclass
class Words:
    """Finds the words, each with its score, after `delay` seconds; raises where a text holds `trouble`."""

    words: dict[str, float]
    delay: float = 0.0
    trouble: str = ""
    longest: int = 400
    is_remote: bool = False
    texts: list[str] = field(default_factory=list)

    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        self.texts += texts
        if self.delay:
            time.sleep(self.delay)
        if self.trouble and any(self.trouble in text for text in texts):
            raise ExaminerError("no")
        return [list(self._hits(text)) for text in texts]

    def _hits(self, text: str) -> Any:
        for word, score in self.words.items():
            start = text.find(word)
            while start >= 0:
                yield Hit(start, start + len(word), score, "[removed]")
                start = text.find(word, start + 1)


class Hanging(Words):
    """Looks for ever, until `released` is set."""

    def __init__(self) -> None:
        super().__init__({})
        self.released = threading.Event()

    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        self.released.wait()
        return super().examine(texts)


def examining(examiner: Words, action: Action = Action.BLOCK, **fields: Any) -> Check:
    return Check(
        **{
            "name": "examined",
            "kind": "toxicity",
            "stage": Stage.OUTPUT,
            "action": action,
            "severity": Severity.HIGH,
            "examiner": examiner,
            "threshold": 0.5,
            "fails": FailRule.OPEN,
            "budget_seconds": 5.0,
            **fields,
        }
    )
