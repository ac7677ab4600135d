from django.urls import include, path

from chatapp.conversations import views
from chatapp.conversations.explaining.views import why
from chatapp.conversations.rating.views import rate
from chatapp.conversations.readings.views import list_own_readings

urlpatterns = [
    path("", views.chat, name="chat"),
    path("c/<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("c/<uuid:conversation_id>/rename/", views.rename, name="rename_conversation"),
    path("c/<uuid:conversation_id>/delete/", views.delete, name="delete_conversation"),
    path("c/<uuid:conversation_id>/messages/<uuid:message_id>/", views.message, name="message"),
    path("c/<uuid:conversation_id>/messages/<uuid:message_id>/edit/", views.edit, name="edit_message"),
    path("c/<uuid:conversation_id>/messages/<uuid:message_id>/regenerate/", views.regenerate, name="regenerate"),
    path("c/<uuid:conversation_id>/messages/<uuid:message_id>/sources/", views.sources, name="sources"),
    path(
        "c/<uuid:conversation_id>/messages/<uuid:message_id>/golden-question/",
        views.keep_question,
        name="keep_question",
    ),
    path("conversations/", views.conversations, name="conversations"),
    path("generations/<uuid:generation_id>/rating/", rate, name="rate"),
    path("generations/<uuid:generation_id>/stop/", views.stop, name="stop_generation"),
    path("generations/<uuid:generation_id>/why/", why, name="why"),
    path("generations/<uuid:generation_id>/switch/", views.switch_model, name="switch_model"),
    path("messages/", views.post_message, name="post_message"),
    path("", include("chatapp.conversations.reviews.urls")),
    path("settings/readings/", list_own_readings, name="settings_readings"),
]
