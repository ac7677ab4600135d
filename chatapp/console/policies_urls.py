from django.urls import path

from chatapp.console.views import policies

urlpatterns = [
    path("", policies.list_policies, name="console_policies"),
    path("<uuid:policy_id>/state/", policies.set_state, name="console_policy_state"),
    path("<uuid:policy_id>/back/", policies.roll_back, name="console_policy_back"),
]
