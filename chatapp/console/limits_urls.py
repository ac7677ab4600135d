from django.urls import path

from chatapp.console.views import limits, service_accounts

urlpatterns = [
    path("limits/", limits.list_limits, name="console_limits"),
    path("limits/<uuid:limit_id>/remove/", limits.remove, name="console_limit_remove"),
    path("service-accounts/", service_accounts.list_accounts, name="console_service_accounts"),
    path("service-accounts/<uuid:account_id>/", service_accounts.show_account, name="console_service_account"),
    path("service-accounts/<uuid:account_id>/owner/", service_accounts.change_owner, name="console_service_owner"),
    path("service-accounts/<uuid:account_id>/active/", service_accounts.set_active, name="console_service_active"),
    path(
        "service-accounts/<uuid:account_id>/keys/<uuid:key_id>/revoke/",
        service_accounts.revoke_key,
        name="console_service_key_revoke",
    ),
]
