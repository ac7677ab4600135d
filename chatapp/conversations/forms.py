"""What the pages post. Limits on text are the services' own, said once."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict

from chatapp.errors import ChatappError

# Between them every time has a date in every zone.
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class MessageForm(forms.Form):
    """`text` is taken as it is typed: the service cleans and measures it."""

    text = forms.CharField(required=False, strip=False)
    message = forms.UUIDField(error_messages={"required": "the message has no id."})
    conversation = forms.UUIDField(error_messages={"required": "the conversation has no id."})
    leaf = forms.UUIDField(required=False)
    temporary = forms.BooleanField(required=False)


class EditForm(forms.Form):
    text = forms.CharField(required=False, strip=False)
    message = forms.UUIDField(error_messages={"required": "the message has no id."})


class TitleForm(forms.Form):
    title = forms.CharField(max_length=200, error_messages={"required": "a title needs at least one character."})


class BranchForm(forms.Form):
    leaf = forms.UUIDField(required=False)


class ListForm(forms.Form):
    before = forms.DateTimeField(required=False, validators=[MinValueValidator(_FIRST), MaxValueValidator(_LAST)])


def parse(form_class: type[forms.Form], data: QueryDict) -> dict[str, Any]:
    """The cleaned data; raises ChatappError("invalid") with the first thing that is wrong."""
    form = form_class(data)
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        raise ChatappError("invalid", detail=f"{field}: {errors[0]}")
    return form.cleaned_data


def parse_choice(data: QueryDict) -> str | None:
    """What the composer's menu says; None where the route offers no choice, and so no menu. The service judges it."""
    return data.get("choice")


def parse_before(data: QueryDict) -> datetime | None:
    before: datetime | None = parse(ListForm, data)["before"]
    return before


def parse_leaf(data: QueryDict) -> UUID | None:
    leaf: UUID | None = parse(BranchForm, data)["leaf"]
    return leaf
