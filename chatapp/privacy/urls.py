"""Below /settings/privacy/: a person's own data."""

from django.urls import path

from chatapp.privacy import views

urlpatterns = [
    path("", views.show_privacy, name="settings_privacy"),
    path("exports/", views.ask_for_export, name="privacy_export"),
    path("exports/<uuid:export_id>/", views.download_export, name="privacy_download"),
    path("erasure/", views.ask_for_erasure, name="privacy_erasure"),
    path("erasure/<uuid:erasure_id>/cancel/", views.cancel_erasure, name="privacy_erasure_cancel"),
]
