from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "chatapp.console"

    def ready(self) -> None:
        import chatapp.checks  # noqa: F401 - registers them
