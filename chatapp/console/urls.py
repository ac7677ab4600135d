from django.urls import path

from chatapp.console.views import audit, flags, home, models, policies, readings, roles, routes, usage, workers
from chatapp.console.views.reports import list_reports

urlpatterns = [
    path("", home.console, name="console"),
    path("models/", models.list_models, name="console_models"),
    path("models/states/", models.show_states, name="console_states"),
    path("models/new/", models.register, name="console_register"),
    path("models/<uuid:version_id>/retry/", models.retry, name="console_retry"),
    path("models/<uuid:version_id>/serve/", models.serve, name="console_serve"),
    path("routes/", routes.list_routes, name="console_routes"),
    path("routes/edit/", routes.edit_route, name="console_route"),
    path("workers/", workers.list_workers, name="console_workers"),
    path("usage/", usage.show_usage, name="console_usage"),
    path("usage/csv/", usage.download_usage, name="console_usage_csv"),
    path("flags/", flags.list_flags, name="console_flags"),
    path("flags/<uuid:flag_id>/", flags.show_flag, name="console_flag"),
    path("flags/<uuid:flag_id>/claim/", flags.claim, name="console_claim"),
    path("flags/<uuid:flag_id>/decide/", flags.decide, name="console_decide"),
    path("audit/", audit.list_events, name="console_audit"),
    path("audit/export/", audit.export_events, name="console_audit_export"),
    path("audit/<uuid:event_id>/", audit.show_event, name="console_audit_event"),
    path("policy-reports/", list_reports, name="console_policy_reports"),
    path("readings/", readings.list_readings, name="console_readings"),
    path("readings/ask/", readings.ask, name="console_reading_ask"),
    path("readings/<uuid:grant_id>/", readings.show_grant, name="console_reading"),
    path("readings/<uuid:grant_id>/decide/", readings.decide, name="console_reading_decide"),
    path("readings/<uuid:grant_id>/revoke/", readings.revoke, name="console_reading_revoke"),
    path("readings/<uuid:grant_id>/<uuid:conversation_id>/", readings.read, name="console_read"),
    path("roles/", roles.list_roles, name="console_roles"),
    path("roles/new/", roles.new_role, name="console_role_new"),
    path("roles/groups/<int:group_id>/", roles.give_group_roles, name="console_group_roles"),
    path("roles/custom/<slug:slug>/", roles.edit_role, name="console_role"),
    path("roles/custom/<slug:slug>/delete/", roles.delete_role, name="console_role_delete"),
    path("policies/", policies.list_policies, name="console_policies"),
    path("policies/<uuid:policy_id>/active/", policies.set_active, name="console_policy_active"),
]
