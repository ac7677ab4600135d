"""Below /settings/: pages of the signed-in person about themselves."""

from django.urls import path

from chatapp.accounts.views import keys, settings

urlpatterns = [
    path("", settings.show_settings, name="settings"),
    path("keys/", keys.list_keys, name="settings_keys"),
    path("keys/<uuid:key_id>/revoke/", keys.revoke_key, name="settings_key_revoke"),
]
