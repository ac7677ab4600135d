"""What a run asks: golden questions of the collections that its starter may read, and the product's own sets."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from chatapp.evaluation.gate.graders import Expected
from chatapp.evaluation.gate.sets import Prompt, safety_set, unanswerable
from chatapp.evaluation.models import Suite
from chatapp.retrieval.models import GoldenQuestion


@dataclass(frozen=True, slots=True)
class Question:
    suite: Suite
    text: str
    expected: Expected
    name: str = ""
    collection_id: UUID | None = None


def questions_for(golden: Iterable[GoldenQuestion], suites: Collection[str]) -> list[Question]:
    """In the order in which they are asked; the load test comes after them and has no text."""
    known = [_golden(one) for one in golden]
    found = [one for one in known if one.suite in suites]
    if Suite.REFUSAL in suites:
        found += [_of_product(Suite.REFUSAL, prompt) for prompt in unanswerable()]
    if Suite.SAFETY in suites:
        found += [_of_product(Suite.SAFETY, prompt) for prompt in safety_set()]
    if Suite.LOAD in suites:
        found.append(Question(Suite.LOAD, "", Expected(), name="load"))
    return sorted(found, key=lambda one: list(Suite).index(one.suite))


def _golden(question: GoldenQuestion) -> Question:
    expected = Expected(
        facts=tuple(question.facts),
        quotes=tuple(source["quote"] for source in question.sources if source.get("quote")),
        documents=tuple(dict.fromkeys(source["document"] for source in question.sources)),
    )
    suite = Suite.GOLDEN if question.expects_answer else Suite.REFUSAL
    return Question(suite, question.text, expected, collection_id=question.collection_id)


def _of_product(suite: Suite, prompt: Prompt) -> Question:
    return Question(suite, prompt.text, prompt.expected, name=prompt.name)
