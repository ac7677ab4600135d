from django.urls import include, path

from chatapp import health
from chatapp.console.views.reports import receive as receive_policy_reports

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("csp-reports/", receive_policy_reports, name="policy_reports"),
    path("accounts/", include("chatapp.accounts.urls")),
    path("", include("chatapp.api.urls")),
    path("scim/v2/", include("chatapp.api.scim.urls")),
    path("knowledge/", include("chatapp.retrieval.urls")),
    path("settings/privacy/", include("chatapp.privacy.urls")),
    path("settings/", include("chatapp.inference.urls")),
    path("settings/", include("chatapp.accounts.settings_urls")),
    path("compare/", include("chatapp.evaluation.urls")),
    path("console/", include("chatapp.console.urls")),
    path("", include("chatapp.conversations.urls")),
]

handler500 = "chatapp.middleware.handle_server_error"
