"""The form of a golden question, and the file of an import."""

from itertools import zip_longest
from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict

from chatapp.errors import ChatappError
from chatapp.forms import style_inputs
from chatapp.retrieval.evaluation import Source
from chatapp.retrieval.evaluation.files import MAX_FILE_BYTES
from chatapp.retrieval.models import QUESTION_MAX_CHARACTERS, GoldenQuestion

_SPARE_ROWS = 2
_MAX_ROWS = 50
_MAX_FACTS_CHARACTERS = 3_000
_ANSWERED = [("yes", "Yes, by these documents"), ("no", "No, search should find nothing")]


class QuestionForm(forms.Form):
    """Sources come as fields `document` and `quote`, which are repeated; a row without a document is left out."""

    text = forms.CharField(
        max_length=QUESTION_MAX_CHARACTERS, widget=forms.Textarea(attrs={"rows": 2}), label="Question"
    )
    answered = forms.ChoiceField(choices=_ANSWERED, initial="yes", label="Does the collection answer it?")
    facts = forms.CharField(
        required=False,
        max_length=_MAX_FACTS_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="What an answer must say",
        help_text="For release gates of models: a fact on each line, as 28 days. Ways of saying it are parted by |.",
    )
    is_active = forms.BooleanField(required=False, initial=True, label="Ask it in evaluations")

    def __init__(self, data: QueryDict | None = None, *, question: GoldenQuestion | None = None) -> None:
        super().__init__(data, initial=_initial(question) if question else None)
        style_inputs(self, leave=["is_active"])
        if data is not None:
            documents, quotes = (data.getlist(name)[:_MAX_ROWS] for name in ("document", "quote"))
            sources = [
                Source(document.strip(), quote) for document, quote in zip_longest(documents, quotes, fillvalue="")
            ]
        else:
            sources = [Source.from_dict(source) for source in question.sources] if question else []
        self.sources = [source for source in sources if source.document]

    @property
    def rows(self) -> list[Source]:
        return [*self.sources, *[Source("")] * _SPARE_ROWS]

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("answered") == "yes" and not self.sources:
            raise forms.ValidationError("Name a document that answers the question, or say that none does.")
        return self.cleaned_data

    def facts_given(self) -> list[str]:
        return self.cleaned_data["facts"].splitlines() if self.cleaned_data["answered"] == "yes" else []

    def expected(self) -> list[Source]:
        return self.sources if self.cleaned_data["answered"] == "yes" else []


def read_upload(request: HttpRequest) -> bytes:
    """Raises ChatappError: invalid without a file, file_too_large."""
    file = request.FILES.get("file")
    if file is None:
        raise ChatappError("invalid", detail="choose a file.")
    if file.size is None or file.size > MAX_FILE_BYTES:
        raise ChatappError("file_too_large", limit=f"{MAX_FILE_BYTES // 1_000_000} MB")
    data: bytes = file.read()
    return data


def _initial(question: GoldenQuestion) -> dict[str, Any]:
    return {
        "text": question.text,
        "facts": "\n".join(question.facts),
        "answered": "yes" if question.expects_answer else "no",
        "is_active": question.is_active,
    }
