from django.urls import path

from chatapp.console.views import alert_channels, alerts

urlpatterns = [
    path("", alerts.list_alerts, name="console_alerts"),
    path("weeks/", alerts.show_weeks, name="console_alert_weeks"),
    path("channels/", alert_channels.list_channels, name="console_alert_channels"),
    path("channels/<uuid:channel_id>/<str:action>/", alert_channels.change, name="console_alert_channel"),
    path("<uuid:alert_id>/", alerts.show_alert, name="console_alert"),
    path("<uuid:alert_id>/acknowledge/", alerts.acknowledge, name="console_alert_acknowledge"),
]
