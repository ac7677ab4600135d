"""How inputs of forms look, the same everywhere."""

from collections.abc import Iterable

from django import forms


def style_inputs(form: forms.BaseForm, *, leave: Iterable[str] = ()) -> None:
    """Of all fields but those in `leave`, which are lists of boxes. What was typed elsewhere is not offered."""
    for name in form.fields.keys() - set(leave):
        form.fields[name].widget.attrs.update({"class": "input", "autocomplete": "off"})
