from importlib import import_module

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "chatapp.conversations"

    def ready(self) -> None:
        import_module("chatapp.conversations.signals")
