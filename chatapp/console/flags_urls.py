from django.urls import path

from chatapp.console.views import flag_steps, flags

urlpatterns = [
    path("", flags.list_flags, name="console_flags"),
    path("next/", flags.claim_next, name="console_flag_next"),
    path("decide/", flag_steps.decide_many, name="console_flags_decide"),
    path("undo/", flag_steps.undo, name="console_flags_undo"),
    path("<uuid:flag_id>/", flags.show_flag, name="console_flag"),
    path("<uuid:flag_id>/claim/", flag_steps.claim, name="console_claim"),
    path("<uuid:flag_id>/renew/", flag_steps.renew, name="console_flag_renew"),
    path("<uuid:flag_id>/decide/", flag_steps.decide, name="console_decide"),
    path("<uuid:flag_id>/unmask/", flags.unmask, name="console_flag_unmask"),
]
