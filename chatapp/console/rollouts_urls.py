from django.urls import path

from chatapp.console.views import rollout_start, rollouts

urlpatterns = [
    path("", rollouts.list_rollouts, name="console_rollouts"),
    path("new/", rollout_start.start_rollout, name="console_rollout_new"),
    path("<uuid:rollout_id>/", rollouts.show_rollout, name="console_rollout"),
    path("<uuid:rollout_id>/<slug:move>/", rollouts.move_rollout, name="console_rollout_move"),
]
