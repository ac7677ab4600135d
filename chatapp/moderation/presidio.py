"""Microsoft Presidio with its own recognisers of numbers: in workers only, since it brings spaCy.

No language model is loaded. Words are cut here, so that Presidio's rule of context works: a number that proves nothing
by itself counts when a word such as "passport" stands before it.
"""

import logging
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer import predefined_recognizers as known
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts, NoOpNlpEngine

from chatapp.moderation.checks.overlapping import cut_overlapping

LEAST_SCORE = 0.5
# Presidio's expressions backtrack: each is bounded, and none sees more than this at once.
PIECE_CHARACTERS, OVERLAP_CHARACTERS = 1_000, 200
_LANGUAGE = "en"
_WORD = re.compile(r"\w+|[^\w\s]")
# Left out: numbers with nothing but one check digit, which every tenth order number has too.
_RECOGNIZERS: tuple[Callable[..., EntityRecognizer], ...] = (
    known.DeIdCardRecognizer,
    known.DeSocialSecurityRecognizer,
    known.FiPersonalIdentityCodeRecognizer,
    known.IpRecognizer,
    known.KrRrnRecognizer,
    known.PhoneRecognizer,
    known.SePersonnummerRecognizer,
    known.SgFinRecognizer,
    known.TrNationalIdRecognizer,
    known.UkDrivingLicenceRecognizer,
    known.UkPassportRecognizer,
    known.UsItinRecognizer,
    known.UsMbiRecognizer,
    known.UsPassportRecognizer,
    known.ZaIdNumberRecognizer,
)


logging.getLogger("presidio-analyzer").setLevel(logging.WARNING)  # else it names each recogniser
# What a word of context adds: enough for the least score that a recogniser gives, 0.05.
_CONTEXT_GAIN = LEAST_SCORE - 0.05


class _Words(NoOpNlpEngine):
    """Words in lower case, and nothing that a model would know of them."""

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        found = list(_WORD.finditer(text))
        words: Any = [match.group() for match in found]  # in place of spaCy's tokens, of which the length is asked
        lower = [word.lower() for word in words]
        return NlpArtifacts([], words, [match.start() for match in found], lower, self, language)


def find(text: str, entities: list[str]) -> list[RecognizerResult]:
    """What Presidio is at least half sure of, with offsets in `text`. Thread-safe."""
    results = []
    for piece in cut_overlapping(text, size=PIECE_CHARACTERS, overlap=OVERLAP_CHARACTERS):
        for result in _engine().analyze(piece.text, _LANGUAGE, entities, score_threshold=LEAST_SCORE):
            result.start += piece.offset
            result.end += piece.offset
            if piece.has(result.start) and _stands_alone(text, result.start, result.end):
                results.append(result)
    return results


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Some expressions match inside a longer number."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    is_in_row = (before[-1:] == "." and before[:1].isdigit()) or (after[:1] == "." and after[1:].isdigit())
    return not (is_in_row or before[-1:].isalnum() or after[:1].isalnum())


@cache
def _engine() -> AnalyzerEngine:
    registry = RecognizerRegistry(
        recognizers=[recognizer(supported_language=_LANGUAGE) for recognizer in _RECOGNIZERS],
        supported_languages=[_LANGUAGE],
    )
    words = _Words([{"lang_code": _LANGUAGE, "model_name": ""}])
    engine = AnalyzerEngine(registry=registry, nlp_engine=words, supported_languages=[_LANGUAGE])
    engine.context_aware_enhancer = LemmaContextAwareEnhancer(
        context_similarity_factor=_CONTEXT_GAIN, min_score_with_context_similarity=0.0
    )
    return engine
