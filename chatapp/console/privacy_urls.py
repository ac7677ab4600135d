from django.urls import path

from chatapp.console.views import privacy

urlpatterns = [
    path("", privacy.show_privacy, name="console_privacy"),
    path("retention/", privacy.set_rule, name="console_retention"),
    path("holds/", privacy.place_hold, name="console_hold_place"),
    path("holds/<uuid:hold_id>/release/", privacy.release_hold, name="console_hold_release"),
    path("erasures/", privacy.ask_for_erasure, name="console_erasure"),
    path("erasures/<uuid:erasure_id>/", privacy.show_receipt, name="console_receipt"),
    path("erasures/<uuid:erasure_id>/cancel/", privacy.cancel_erasure, name="console_erasure_cancel"),
]
