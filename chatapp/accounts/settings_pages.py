"""A person's own pages below /settings/: each app adds a line here and its path to its own urls."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django_htmx.middleware import HtmxDetails

from chatapp.accounts.models import User


class SettingsRequest(HttpRequest):
    """Of a signed-in user, with django-htmx's details."""

    user: User
    htmx: HtmxDetails


@dataclass(frozen=True, slots=True)
class SettingsPage:
    label: str
    url_name: str


@dataclass(frozen=True, slots=True)
class SettingsTab:
    label: str
    url: str
    current: bool


PAGES = (
    SettingsPage("API keys", "settings_keys"),
    SettingsPage("Usage", "settings_usage"),
    SettingsPage("Sessions", "settings_sessions"),
    SettingsPage("Notices", "notices"),
    SettingsPage("New models", "settings_models"),
    SettingsPage("Who read my chats", "settings_readings"),
    SettingsPage("Privacy", "settings_privacy"),
)


def settings_tabs(request: HttpRequest) -> list[SettingsTab]:
    """What `templates/settings/_frame.html` shows; a view passes it as `tabs`."""
    urls = [(page.label, reverse(page.url_name)) for page in PAGES]
    return [SettingsTab(label, url, request.path.startswith(url)) for label, url in urls]
