from django.urls import path

from chatapp.console.views import feedback, feedback_steps

urlpatterns = [
    path("", feedback.list_feedback, name="console_feedback"),
    path("export/", feedback.export, name="console_feedback_export"),
    path("<uuid:feedback_id>/", feedback.show_feedback, name="console_feedback_one"),
    path("<uuid:feedback_id>/unmask/", feedback.unmask, name="console_feedback_unmask"),
    path("<uuid:feedback_id>/reruns/", feedback.show_reruns, name="console_feedback_reruns"),
    path("<uuid:feedback_id>/status/", feedback_steps.set_status, name="console_feedback_status"),
    path("<uuid:feedback_id>/note/", feedback_steps.note, name="console_feedback_note"),
    path("<uuid:feedback_id>/reply/", feedback_steps.reply, name="console_feedback_reply"),
    path("<uuid:feedback_id>/rerun/", feedback_steps.rerun, name="console_feedback_rerun"),
    path("<uuid:feedback_id>/keep/", feedback_steps.keep, name="console_feedback_keep"),
]
