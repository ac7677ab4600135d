from django.urls import path

from chatapp.console.views import people

urlpatterns = [
    path("", people.list_people, name="console_people"),
    path("<uuid:user_id>/", people.show_person, name="console_person"),
    path("<uuid:user_id>/close/", people.close, name="console_person_close"),
    path("<uuid:user_id>/open/", people.open_again, name="console_person_open"),
    path("<uuid:user_id>/sign-out/", people.sign_out, name="console_person_sign_out"),
    path("<uuid:user_id>/break-glass/", people.name_break_glass, name="console_person_break_glass"),
    path("<uuid:user_id>/break-glass/end/", people.end_break_glass, name="console_person_break_glass_end"),
    path("<uuid:user_id>/roles/", people.give_roles, name="console_person_roles"),
]
