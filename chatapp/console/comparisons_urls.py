from django.urls import path

from chatapp.console.views import comparisons

urlpatterns = [
    path("", comparisons.list_comparisons, name="console_comparisons"),
    path("new/", comparisons.new_comparison, name="console_comparison_new"),
    path("start/", comparisons.start, name="console_comparison_start"),
    path("<uuid:comparison_id>/", comparisons.show, name="console_comparison"),
    path("<uuid:comparison_id>/close/", comparisons.close, name="console_comparison_close"),
    path("<uuid:comparison_id>/cancel/", comparisons.cancel, name="console_comparison_cancel"),
]
