"""Services that say how harmful texts are, as data: their categories, their requests and their answers.

OpenAI: platform.openai.com/docs/api-reference/moderations. Azure AI Content Safety:
learn.microsoft.com/rest/api/contentsafety/text-operations/analyze-text, version 2024-09-01.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatapp.inference.providers.errors import ProviderError
from chatapp.inference.providers.options import AuthHeader

Scores = dict[str, float]
_AZURE_VERSION = "2024-09-01"


@dataclass(frozen=True, slots=True)
class HarmService:
    """`categories` each with the value from which it usually counts; `top` is the most that a category can have.

    `longest` is in characters of one text, `batch` how many texts one request may hold.
    """

    name: str
    categories: Mapping[str, float]
    top: float
    longest: int
    batch: int
    auth_header: AuthHeader
    path: Callable[[str], str]
    body: Callable[[str, Sequence[str]], dict[str, Any]]
    read: Callable[[Any], list[Scores]]
    takes_client_credentials: bool = False

    def scores(self, answer: bytes, *, count: int) -> list[Scores]:
        """One for each of the `count` texts that were sent. Raises ProviderError."""
        try:
            found = self.read(json.loads(answer))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _nonsense() from None
        if len(found) != count or not all(self._is_sound(scores) for scores in found):
            raise _nonsense()
        return found

    def _is_sound(self, scores: Scores) -> bool:
        return bool(scores) and all(0 <= score <= self.top for score in scores.values())


def _nonsense() -> ProviderError:
    return ProviderError("The moderation service sent what is no verdict.", retryable=False)


def _openai_body(model: str, texts: Sequence[str]) -> dict[str, Any]:
    return {"input": list(texts), **({"model": model} if model else {})}


def _openai_scores(answer: Any) -> list[Scores]:
    return [{name: float(score) for name, score in one["category_scores"].items()} for one in answer["results"]]


def _azure_body(_model: str, texts: Sequence[str]) -> dict[str, Any]:
    return {"text": texts[0], "outputType": "EightSeverityLevels"}


def _azure_scores(answer: Any) -> list[Scores]:
    return [{one["category"]: float(one["severity"]) for one in answer["categoriesAnalysis"]}]


_OPENAI_CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
_AZURE_CATEGORIES = ("Hate", "SelfHarm", "Sexual", "Violence")

HARM_SERVICES: Mapping[str, HarmService] = {
    "openai": HarmService(
        name="openai",
        categories=dict.fromkeys(_OPENAI_CATEGORIES, 0.5),
        top=1.0,
        longest=10_000,
        batch=32,
        auth_header="bearer",
        path=lambda _version: "/moderations",
        body=_openai_body,
        read=_openai_scores,
    ),
    "azure": HarmService(
        name="azure",
        categories=dict.fromkeys(_AZURE_CATEGORIES, 4.0),
        top=7.0,
        longest=10_000,
        batch=1,
        auth_header="ocp-apim-subscription-key",
        path=lambda version: f"/contentsafety/text:analyze?api-version={version or _AZURE_VERSION}",
        body=_azure_body,
        read=_azure_scores,
        takes_client_credentials=True,
    ),
}
