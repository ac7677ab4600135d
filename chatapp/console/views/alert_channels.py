"""Where alerts are sent besides the console."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.errors import ChatappError
from chatapp.evaluation import services
from chatapp.evaluation.models import AlertChannel, ChannelKind
from chatapp.evaluation.selectors import get_channel_for, list_channels_for
from chatapp.forms import style_inputs

_ACTIONS: dict[str, tuple[Callable[..., object], str]] = {
    "test": (services.try_channel, "A test is on its way to {address}."),
    "enable": (lambda **given: services.set_channel_enabled(enabled=True, **given), "{address} gets alerts again."),
    "disable": (lambda **given: services.set_channel_enabled(enabled=False, **given), "{address} gets no alerts now."),
    "remove": (services.remove_channel, "{address} is removed."),
}
# What is asked first; the address follows.
_BUTTONS = (
    ("test", "Send a test", ""),
    ("disable", "Switch off", "Send no alerts there any more?"),
    ("enable", "Switch on", ""),
    ("remove", "Remove", "Remove this place? A webhook gets another secret when it is added again."),
)


class ChannelForm(forms.Form):
    kind = forms.ChoiceField(choices=ChannelKind.choices, label="Send by")
    address = forms.CharField(max_length=500, help_text="A mail address, or the https:// address of a webhook.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        style_inputs(self)


@never_cache
@require_http_methods(["GET", "POST"])
@console_page("evaluation.manage_alert")
def list_channels(request: ConsoleRequest) -> HttpResponse:
    form, made, secret = ChannelForm(request.POST if request.method == "POST" else None), None, ""
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = services.add_channel(user=request.user, **form.cleaned_data)
        except ChatappError as error:
            if error.status not in {400, 409}:
                raise
            form.add_error(None, error.message)
        else:
            form = ChannelForm()
    return _page(request, form=form, made=made, secret=secret, status=400 if form.errors else 200)


@require_POST
@console_page("evaluation.manage_alert")
def change(request: ConsoleRequest, channel_id: UUID, action: str) -> HttpResponse:
    if action not in _ACTIONS:
        raise ChatappError("not_found")
    do, said = _ACTIONS[action]
    channel = get_channel_for(request.user, channel_id)
    do(user=request.user, channel=channel)
    told = said.format(address=channel.address)
    if request.htmx:
        return _page(request, template="console/_alert_channels.html", said=told)
    messages.success(request, told)
    return redirect("console_alert_channels")


def _page(
    request: ConsoleRequest,
    *,
    template: str = "console/alert_channels.html",
    status: int = 200,
    made: AlertChannel | None = None,
    **context: object,
) -> HttpResponse:
    shown = {
        "tabs": tabs_for(request),
        "channels": list_channels_for(request.user),
        "made": made,
        "actions": _BUTTONS,
        **context,
    }
    return render(request, template, shown, status=status)
