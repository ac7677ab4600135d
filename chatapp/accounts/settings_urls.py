"""Below /settings/: pages of the signed-in person about themselves."""

from django.urls import path

from chatapp.accounts.views import keys, sessions, settings

urlpatterns = [
    path("", settings.show_settings, name="settings"),
    path("keys/", keys.list_keys, name="settings_keys"),
    path("sessions/", sessions.list_sessions, name="settings_sessions"),
    path("sessions/others/end/", sessions.end_others, name="settings_sessions_end_others"),
    path("sessions/<uuid:sign_in_id>/end/", sessions.end_session, name="settings_session_end"),
    path("keys/<uuid:key_id>/revoke/", keys.revoke_key, name="settings_key_revoke"),
]
