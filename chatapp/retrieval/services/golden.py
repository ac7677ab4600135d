"""Golden questions: by hand, from a file, or from an answer that somebody was given."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.holds import covers_collection
from chatapp.invisible import without_invisible
from chatapp.retrieval.evaluation import Source
from chatapp.retrieval.evaluation.files import LineError, Row
from chatapp.retrieval.models import QUESTION_MAX_CHARACTERS, Collection, GoldenQuestion, QuestionOrigin
from chatapp.retrieval.selectors import missing_documents

MAX_QUESTIONS = 1_000
MAX_SOURCES = 20
QUOTE_MAX_CHARACTERS = 500
MAX_FACTS = 10
FACT_MAX_CHARACTERS = 200


def add_golden_question(
    *,
    user: User,
    collection: Collection,
    text: str,
    sources: Sequence[Source],
    facts: Sequence[str] = (),
    origin: QuestionOrigin = QuestionOrigin.BY_HAND,
) -> GoldenQuestion:
    """Without sources it is a question that the collection does not answer. `facts` are what an answer must say.

    Raises ChatappError: forbidden, invalid (text, quote, fact, an unknown document, too many), question_exists.
    """
    require(user, "retrieval.evaluate_collection", collection)
    text, sources = _clean(collection, text, sources)
    if GoldenQuestion.objects.filter(collection=collection).count() >= MAX_QUESTIONS:
        raise ChatappError("invalid", detail=f"{MAX_QUESTIONS:,} questions are the most. Delete some first.")
    try:
        with transaction.atomic():
            question = GoldenQuestion.objects.create(
                collection=collection,
                text=text,
                sources=_stored(sources),
                facts=_clean_facts(facts, sources),
                origin=origin,
                created_by=user,
            )
            detail: dict[str, object] = {"collection": collection.slug, "origin": origin.value}
            record_event(actor=user, action="golden_question.added", obj=question, detail=detail)
    except IntegrityError:
        raise ChatappError("question_exists") from None
    return question


def change_golden_question(
    *,
    user: User,
    question: GoldenQuestion,
    text: str,
    sources: Sequence[Source],
    is_active: bool,
    facts: Sequence[str] | None = None,
) -> None:
    """Without `facts` those that it has stay. Raises ChatappError as `add_golden_question`."""
    require(user, "retrieval.evaluate_collection", question.collection)
    question.text, sources = _clean(question.collection, text, sources, known=question)
    question.facts = _clean_facts(question.facts if facts is None else facts, sources)
    question.sources, question.is_active = _stored(sources), is_active
    try:
        with transaction.atomic():
            question.save(update_fields=["text", "sources", "facts", "is_active"])
            detail: dict[str, object] = {"collection": question.collection.slug, "active": is_active}
            record_event(actor=user, action="golden_question.changed", obj=question, detail=detail)
    except IntegrityError:
        raise ChatappError("question_exists") from None


@transaction.atomic
def delete_golden_question(*, user: User, question: GoldenQuestion) -> None:
    """Raises ChatappError: forbidden, under_hold."""
    require(user, "retrieval.evaluate_collection", question.collection)
    if covers_collection(question.collection_id):
        raise ChatappError("under_hold")
    detail: dict[str, object] = {"collection": question.collection.slug}
    record_event(actor=user, action="golden_question.deleted", obj=question, detail=detail)
    question.delete()


def import_golden_questions(*, user: User, collection: Collection, rows: Sequence[Row]) -> tuple[int, list[LineError]]:
    """All of them, or none and what is wrong with which line; a question that is there already gets these sources,
    and these facts where the file has any.

    Returns how many questions were written. Raises ChatappError: forbidden.
    """
    require(user, "retrieval.evaluate_collection", collection)
    problems, questions = _read_rows(collection, rows)
    if problems:
        return 0, problems
    with transaction.atomic():
        Collection.objects.select_for_update().get(pk=collection.pk)  # one import at a time counts
        others = GoldenQuestion.objects.filter(collection=collection).exclude(text__in=questions)
        if others.count() + len(questions) > MAX_QUESTIONS:
            return 0, [LineError(0, f"{MAX_QUESTIONS:,} questions are the most in a collection.")]
        GoldenQuestion.objects.bulk_create(
            (
                GoldenQuestion(
                    collection=collection,
                    text=text,
                    sources=_stored(list(dict.fromkeys(expected.sources))),
                    facts=list(dict.fromkeys(expected.facts)),
                    origin=QuestionOrigin.CSV,
                    created_by=user,
                )
                for text, expected in questions.items()
            ),
            update_conflicts=True,
            unique_fields=["collection", "text"],
            update_fields=["sources", "facts"] if any(row.fact is not None for row in rows) else ["sources"],
        )
        detail: dict[str, object] = {"questions": len(questions)}
        record_event(actor=user, action="golden_question.imported", obj=collection, detail=detail)
    return len(questions), []


@dataclass(slots=True)
class _Expected:
    sources: list[Source] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)


def _read_rows(collection: Collection, rows: Sequence[Row]) -> tuple[list[LineError], dict[str, _Expected]]:
    problems: list[LineError] = []
    questions: dict[str, _Expected] = {}
    unknown = missing_documents(collection, {row.document for row in rows if row.document})
    for row in rows:
        try:
            text, quote = _clean_text(row.question), _clean_quote(row.quote)
            facts = _clean_facts([row.fact or ""], [Source(row.document)] if row.document else [])
        except ChatappError as error:
            problems.append(LineError(row.line, str(error.params["detail"])))
            continue
        if row.document in unknown:
            problems.append(LineError(row.line, f"there is no document named {row.document[:100]}."))
        if quote and not row.document:
            problems.append(LineError(row.line, "a quote needs the document that it stands in."))
        expected = questions.setdefault(text, _Expected())
        expected.facts += facts
        if row.document:
            expected.sources.append(Source(row.document, quote))
        if len(expected.sources) > MAX_SOURCES:
            problems.append(LineError(row.line, f"a question has at most {MAX_SOURCES} sources."))
        if len(expected.facts) > MAX_FACTS:
            problems.append(LineError(row.line, f"a question has at most {MAX_FACTS} facts."))
    return problems, questions


def _clean(
    collection: Collection, text: str, sources: Sequence[Source], *, known: GoldenQuestion | None = None
) -> tuple[str, list[Source]]:
    """A document that the question named before may be gone meanwhile."""
    cleaned = list(dict.fromkeys(Source(source.document, _clean_quote(source.quote)) for source in sources))
    if len(cleaned) > MAX_SOURCES:
        raise ChatappError("invalid", detail=f"a question has at most {MAX_SOURCES} sources.")
    before = {source["document"] for source in known.sources} if known else set()
    unknown = missing_documents(collection, {source.document for source in cleaned} - before)
    if unknown:
        raise ChatappError("invalid", detail=f"there is no document named {min(unknown)[:100]}.")
    return _clean_text(text), cleaned


def _clean_text(text: str) -> str:
    text = " ".join(without_invisible(text.replace("\0", "")).split())
    if not text or len(text) > QUESTION_MAX_CHARACTERS:
        raise ChatappError("invalid", detail=f"a question has 1 to {QUESTION_MAX_CHARACTERS} characters.")
    return text


def _clean_quote(quote: str) -> str:
    quote = " ".join(quote.replace("\0", "").split())
    if len(quote) > QUOTE_MAX_CHARACTERS:
        raise ChatappError("invalid", detail=f"a quote has at most {QUOTE_MAX_CHARACTERS} characters.")
    return quote


def _clean_facts(facts: Sequence[str], sources: Sequence[Source]) -> list[str]:
    """Empty ones are left out."""
    cleaned = [" ".join(without_invisible(fact.replace("\0", "")).split()) for fact in facts]
    kept = list(dict.fromkeys(fact for fact in cleaned if fact.strip("| ")))
    if len(kept) > MAX_FACTS or any(len(fact) > FACT_MAX_CHARACTERS for fact in kept):
        detail = f"a question has at most {MAX_FACTS} facts of {FACT_MAX_CHARACTERS} characters."
        raise ChatappError("invalid", detail=detail)
    if kept and not sources:
        raise ChatappError("invalid", detail="a fact needs the document that it stands in.")
    return kept


def _stored(sources: Sequence[Source]) -> list[dict[str, str]]:
    return [source.as_dict() for source in sources]
