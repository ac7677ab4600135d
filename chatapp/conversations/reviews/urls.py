from django.urls import path

from chatapp.conversations.reviews import views

urlpatterns = [
    path("c/<uuid:conversation_id>/messages/<uuid:message_id>/report/", views.report, name="report_answer"),
    path("c/<uuid:conversation_id>/messages/<uuid:message_id>/appeal/", views.appeal, name="appeal_answer"),
    path("notices/", views.notices, name="notices"),
    path("notices/new/", views.new_notices, name="new_notices"),
    path("notices/read/", views.read_all, name="read_all_notices"),
    path("notices/<uuid:notice_id>/read/", views.read, name="read_notice"),
]
