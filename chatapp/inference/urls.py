"""Below /settings/: what the signed-in person used, and whether they try new models first."""

from django.urls import path

from chatapp.inference import views

urlpatterns = [
    path("usage/", views.show_own_usage, name="settings_usage"),
    path("models/", views.show_pilot, name="settings_models"),
]
