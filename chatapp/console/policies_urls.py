from django.urls import path

from chatapp.console.views import policies, policy_editor, replays

urlpatterns = [
    path("", policies.list_policies, name="console_policies"),
    path("new/", policy_editor.edit_policy, name="console_policy_new"),
    path("<uuid:policy_id>/", policies.show_policy, name="console_policy"),
    path("<uuid:policy_id>/state/", policies.set_state, name="console_policy_state"),
    path("<uuid:policy_id>/back/", policies.roll_back, name="console_policy_back"),
    path("<uuid:policy_id>/diff/", policies.choose_diff, name="console_policy_choose_diff"),
    path("<uuid:policy_id>/diff/<uuid:other_id>/", policies.show_diff, name="console_policy_diff"),
    path("<uuid:policy_id>/replay/", replays.start, name="console_replay_start"),
    path("replays/<uuid:replay_id>/", replays.show, name="console_replay"),
    path("replays/<uuid:replay_id>/cancel/", replays.cancel, name="console_replay_cancel"),
    path("replays/<uuid:replay_id>/resume/", replays.resume, name="console_replay_resume"),
    path("replays/<uuid:replay_id>/draft/", replays.make_draft, name="console_replay_draft"),
]
