"""What the knowledge pages post and ask for."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from chatapp.errors import ChatappError
from chatapp.forms import style_inputs
from chatapp.retrieval.models import AccessRole, Collection
from chatapp.retrieval.selectors import DocumentFilter, Sort, State

_GRANT = "group-"
_NO_ACCESS = ("", "No access")
MAX_SEARCH_CHARACTERS = 200


class AccessForm(forms.Form):
    """One choice of role for each company group, which the template walks as `grants`."""

    def __init__(
        self,
        groups: Iterable[Group],
        data: Mapping[str, str] | None = None,
        *,
        granted: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(data)
        self._group_names = {f"{_GRANT}{group.pk}": group.name for group in groups}
        for key, name in self._group_names.items():
            choices = [_NO_ACCESS, *AccessRole.choices]
            initial = (granted or {}).get(name, "")
            self.fields[key] = forms.ChoiceField(choices=choices, required=False, label=name, initial=initial)
        style_inputs(self)

    @property
    def grants(self) -> list[forms.BoundField]:
        return [self[field] for field in self._group_names]

    def groups(self) -> dict[str, str]:
        """Raises ChatappError("invalid") for a role that does not exist."""
        if not self.is_valid():
            raise ChatappError("invalid", detail=f"a role is one of {', '.join(AccessRole.values)}.")
        chosen = {name: self.cleaned_data[field] for field, name in self._group_names.items()}
        return {name: role for name, role in chosen.items() if role}


class CollectionForm(AccessForm):
    """A new collection. Limits of the values are the service's own."""

    name = forms.CharField(max_length=120)
    slug = forms.CharField(max_length=64)


class SettingsForm(forms.Form):
    """Limits of the values are the service's own."""

    name = forms.CharField(max_length=120)
    chunk_characters = forms.IntegerField(label="Characters of a passage")
    chunk_overlap = forms.IntegerField(label="Characters that neighbours share")

    def __init__(self, collection: Collection, data: Mapping[str, str] | None = None) -> None:
        names = ("name", "chunk_characters", "chunk_overlap")
        super().__init__(data, initial={name: getattr(collection, name) for name in names})
        style_inputs(self)


class DocumentListForm(forms.Form):
    """How a list of documents is filtered and sorted."""

    name = forms.CharField(required=False, max_length=MAX_SEARCH_CHARACTERS, label="Name")
    state = forms.ChoiceField(choices=[("", "In any state"), *State.choices], required=False, label="State")
    sort = forms.ChoiceField(choices=Sort.choices, required=False, label="Order")

    def __init__(self, data: Mapping[str, str]) -> None:
        super().__init__(data)
        style_inputs(self)

    def wanted(self) -> DocumentFilter:
        """Raises ChatappError("invalid")."""
        if not self.is_valid():
            raise ChatappError("invalid", detail="documents cannot be listed in that way.")
        found = self.cleaned_data
        return DocumentFilter(found["name"], found["state"], found["sort"] or Sort.NEWEST.value)


def parse_files(request: HttpRequest) -> "list[tuple[str, UploadedFile[Any]]]":
    """Each `file` with its name, or with the `path` in a folder, which comes as often as `file` or not at all.

    Raises ChatappError("invalid").
    """
    files, paths = request.FILES.getlist("file"), request.POST.getlist("path")
    if not files:
        raise ChatappError("invalid", detail="choose at least one file.")
    if paths and len(paths) != len(files):
        raise ChatappError("invalid", detail="there is not one path for each file.")
    names = paths or [file.name or "" for file in files]
    return list(zip(names, files, strict=True))


def parse_search(request: HttpRequest) -> str:
    """What stands in the search box of the list of collections."""
    return " ".join(request.GET.get("q", "").replace("\x00", "").split())[:MAX_SEARCH_CHARACTERS]


def parse_number(value: str | None) -> int | None:
    """Raises ChatappError("not_found") for what names no version or passage."""
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise ChatappError("not_found")
    return int(value)
