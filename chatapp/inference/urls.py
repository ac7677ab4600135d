"""Below /settings/usage/: what the signed-in person used."""

from django.urls import path

from chatapp.inference import views

urlpatterns = [path("", views.show_own_usage, name="settings_usage")]
