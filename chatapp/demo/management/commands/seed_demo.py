import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chatapp.demo.services import seed_company
from chatapp.demo.versions import DEFAULT_MODELS, SCRIPTED
from chatapp.errors import ChatappError


class Command(BaseCommand):
    help = (
        "Make the accounts, documents, policy and model versions of the demo company where they are missing. "
        "CHATAPP_DEMO_PASSWORD is the password of its accounts."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        password = os.environ.get("CHATAPP_DEMO_PASSWORD", "")
        if not password:
            message = "CHATAPP_DEMO_PASSWORD is not set. Set it to the password that the demo accounts shall have."
            raise CommandError(message)
        names = os.environ.get("CHATAPP_DEMO_MODELS", "").replace(",", " ").split() or list(DEFAULT_MODELS)
        if settings.SCRIPTED_MODEL:
            names = [*names, SCRIPTED]
        try:
            made = seed_company(password=password, models=names)
        except ChatappError as error:
            raise CommandError(error.message) from error
        for line in made or ["nothing: the demo company is complete"]:
            self.stdout.write(f"Made {line}")
