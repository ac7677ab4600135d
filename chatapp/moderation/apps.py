from django.apps import AppConfig


class ModerationConfig(AppConfig):
    name = "chatapp.moderation"

    def ready(self) -> None:
        from chatapp.inference.uses import register_uses
        from chatapp.moderation.selectors.policies import list_policies_that_ask

        register_uses(list_policies_that_ask)
