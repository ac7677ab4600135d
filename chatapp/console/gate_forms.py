"""The form that starts a gate, and pass marks as forms show and send them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms

from chatapp.errors import ChatappError
from chatapp.evaluation.gate.marks import MEASURES, Marks, Measure
from chatapp.evaluation.models import Suite
from chatapp.forms import style_inputs


@dataclass(frozen=True, slots=True)
class MarkField:
    measure: Measure
    limit: str
    slack: str


def marks_of(marks: Marks) -> list[MarkField]:
    return [MarkField(MEASURES[key], _text(mark.limit), _text(mark.slack)) for key, mark in marks.items()]


class GateForm(forms.Form):
    """Marks come as fields `limit_KEY` and `slack_KEY`; of a single run an empty one leaves the company's."""

    version = forms.ChoiceField(label="Version")
    suite = forms.MultipleChoiceField(
        label="Ask", choices=Suite.choices, required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, versions: Sequence[tuple[str, str]], chosen: str = ""
    ) -> None:
        super().__init__(data, auto_id="gate-%s", initial={"version": chosen})
        self.fields["version"].choices = versions  # type: ignore[attr-defined]
        style_inputs(self, leave=["suite"])

    def suites(self) -> list[str] | None:
        """None for all of them."""
        return self.cleaned_data["suite"] or None

    def marks(self) -> dict[str, Any]:
        """Raises ChatappError("invalid")."""
        return self.read_marks(self.data, with_empty=False)

    @staticmethod
    def read_marks(data: Mapping[str, Any], *, with_empty: bool) -> dict[str, Any]:
        """`with_empty`: a field that is sent empty takes the mark away. Raises ChatappError("invalid")."""
        marks: dict[str, Any] = {}
        for key in MEASURES:
            given = {part: data[f"{part}_{key}"].strip() for part in ("limit", "slack") if f"{part}_{key}" in data}
            numbers = {part: _number(text) for part, text in given.items() if text or with_empty}
            if numbers:
                marks[key] = numbers
        return marks


def _number(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise ChatappError("invalid", detail=f"{text[:20]} is no number.") from None


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
