"""What the knowledge pages post."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import UploadedFile
from django.utils.datastructures import MultiValueDict

from chatapp.errors import ChatappError
from chatapp.retrieval.models import AccessRole

_GRANT = "group-"
_NO_ACCESS = ("", "No access")


class CollectionForm(forms.Form):
    """One choice of role for each company group, which the template walks as `grants`."""

    name = forms.CharField(max_length=120)
    slug = forms.CharField(max_length=64)

    def __init__(self, groups: Iterable[Group], data: dict[str, str] | None = None) -> None:
        super().__init__(data)
        self._group_names = {f"{_GRANT}{group.pk}": group.name for group in groups}
        for key, name in self._group_names.items():
            choices = [_NO_ACCESS, *AccessRole.choices]
            self.fields[key] = forms.ChoiceField(choices=choices, required=False, label=name)
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"

    @property
    def grants(self) -> list[forms.BoundField]:
        return [self[field] for field in self._group_names]

    def groups(self) -> dict[str, str]:
        chosen = {name: self.cleaned_data[field] for field, name in self._group_names.items()}
        return {name: role for name, role in chosen.items() if role}


def parse_files(files: "MultiValueDict[str, UploadedFile[Any]]") -> "list[UploadedFile[Any]]":
    """Raises ChatappError("invalid") when no file was sent."""
    found = files.getlist("file")
    if not found:
        raise ChatappError("invalid", detail="choose at least one file.")
    return found


def parse_number(value: str | None) -> int | None:
    """Raises ChatappError("not_found") for what names no version or passage."""
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise ChatappError("not_found")
    return int(value)
