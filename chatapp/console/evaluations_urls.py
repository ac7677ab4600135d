from django.urls import path

from chatapp.console.views import evaluations

urlpatterns = [
    path("", evaluations.list_gates, name="console_evaluations"),
    path("start/", evaluations.start, name="console_gate_start"),
    path("marks/", evaluations.show_marks, name="console_gate_marks"),
    path("marks/set/", evaluations.set_marks, name="console_gate_marks_set"),
    path("<uuid:run_id>/", evaluations.show_gate, name="console_evaluation"),
    path("<uuid:run_id>/cancel/", evaluations.cancel, name="console_gate_cancel"),
    path("<uuid:run_id>/compare/", evaluations.compare, name="console_gate_compare"),
]
