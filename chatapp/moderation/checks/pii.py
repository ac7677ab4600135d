"""Personal data: what a form proves, names that a model finds, numbers that Presidio knows, the company's own kinds.

Forms are matched while text streams. The rest needs a worker: it is looked for in whole windows of text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.examiner import Examiner, Hit
from chatapp.moderation.checks.fields import FieldError, text_list
from chatapp.moderation.checks.matcher import Matcher, PatternError, build_matcher
from chatapp.moderation.checks.names import NAMED, NameExaminer
from chatapp.moderation.checks.numbers import NUMBERED, NumberExaminer
from chatapp.moderation.checks.pii_forms import FORMS, build_form, is_private_number

FIELDS = frozenset({"entities", "company_domains", "company_numbers", "custom"})
ENTITIES = tuple(dict.fromkeys([*FORMS, *NAMED, *NUMBERED]))
DEFAULT_ENTITIES = ["card", "iban", "national_id"]
MAX_COMPANY_ENTRIES = 50
MAX_COMPANY_CHARACTERS = 253
MAX_CUSTOM = 20
MAX_PATTERN_CHARACTERS = 500
_LABEL = re.compile(r"[A-Z][A-Z_]{0,19}")
LEAST_SCORE = 0.5


def build(spec: Mapping[str, Any]) -> Parts:
    custom = list(_custom_matchers(spec.get("custom", [])))
    entities = text_list(spec, "entities", most=len(ENTITIES), longest=20)
    if not entities and not custom:
        entities = DEFAULT_ENTITIES
    unknown = [entity for entity in entities if entity not in ENTITIES]
    if unknown:
        raise FieldError("entities", f"knows no {unknown[0]!r}; choose from {', '.join(ENTITIES)}.")
    domains = text_list(spec, "company_domains", most=MAX_COMPANY_ENTRIES, longest=MAX_COMPANY_CHARACTERS)
    numbers = text_list(spec, "company_numbers", most=MAX_COMPANY_ENTRIES, longest=MAX_COMPANY_CHARACTERS)
    forms = [
        matcher
        for entity in entities
        if entity in FORMS
        for matcher in build_form(entity, company_domains=domains, company_numbers=numbers)
    ]
    return Parts((*forms, *custom), examiner=build_examiner(entities, tuple(numbers)), threshold=LEAST_SCORE)


@dataclass(frozen=True, slots=True)
class PersonalExaminer:
    examiners: tuple[Examiner, ...]
    company_numbers: tuple[str, ...] = ()
    longest: int = 2_000
    is_remote: bool = False

    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        """Raises ExaminerError."""
        found = [examiner.examine(texts) for examiner in self.examiners]
        return [
            [hit for hits in of_text for hit in hits if self._is_private(hit, text)]
            for text, *of_text in zip(texts, *found, strict=True)
        ]

    def _is_private(self, hit: Hit, text: str) -> bool:
        return hit.label != "PHONE" or is_private_number(text[hit.start : hit.end], self.company_numbers)


def build_examiner(entities: Sequence[str], company_numbers: tuple[str, ...] = ()) -> PersonalExaminer | None:
    """None where forms are enough."""
    named = tuple(entity for entity in entities if entity in NAMED)
    numbered = tuple(entity for entity in entities if entity in NUMBERED)
    examiners: list[Examiner] = []
    if named:
        examiners.append(NameExaminer(named))
    if numbered:
        examiners.append(NumberExaminer(numbered))
    return PersonalExaminer(tuple(examiners), company_numbers) if examiners else None


def _custom_matchers(entries: object) -> Iterator[Matcher]:
    """Kinds that only this company has, such as numbers of employees. Raises FieldError."""
    if not isinstance(entries, list) or len(entries) > MAX_CUSTOM:
        raise FieldError("custom", f"must be a list of at most {MAX_CUSTOM} objects.")
    for number, entry in enumerate(entries):
        place = f"custom[{number}]"
        if not isinstance(entry, dict) or set(entry) != {"label", "pattern"}:
            raise FieldError(place, "must be an object with label and pattern.")
        label, pattern = entry["label"], entry["pattern"]
        if not isinstance(label, str) or not _LABEL.fullmatch(label):
            raise FieldError(f"{place}.label", "must have 1 to 20 capital letters and underscores.")
        if not isinstance(pattern, str) or not 0 < len(pattern) <= MAX_PATTERN_CHARACTERS:
            raise FieldError(f"{place}.pattern", f"must be a pattern of 1 to {MAX_PATTERN_CHARACTERS} characters.")
        try:
            mask = f"[{label.replace('_', ' ').strip().lower()} removed]"
            yield build_matcher(pattern, mask=mask, label=label)
        except PatternError as error:
            raise FieldError(f"{place}.pattern", str(error)) from None
