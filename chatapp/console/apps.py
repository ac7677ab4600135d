from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "chatapp.console"

    def ready(self) -> None:
        import chatapp.checks  # noqa: F401 - registers them
        from chatapp.console.selectors import list_old_reports
        from chatapp.privacy.models import Kind
        from chatapp.privacy.selectors.retention import set_due

        set_due(Kind.POLICY_REPORTS, list_old_reports)
