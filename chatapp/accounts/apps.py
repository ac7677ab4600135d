from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "chatapp.accounts"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in, user_logged_out

        from chatapp.accounts import sessions, watch

        user_logged_in.connect(sessions.note_login)
        user_logged_in.connect(watch.note_sign_in)
        user_logged_out.connect(sessions.note_logout)
