from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatapp.accounts import selectors, services


class Command(BaseCommand):
    help = "Create a bearer key for the HTTP API and print it; it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--read-only", action="store_true", help="the key may read but not change anything")
        parser.add_argument("--name", default="", help="what the key is for")

    def handle(self, *_: Any, username: str, read_only: bool, name: str, **__: Any) -> None:
        user = selectors.get_user_by_name(username)
        if user is None or not user.is_active:
            message = f"There is no active user named {username}."
            raise CommandError(message)
        _key, raw = services.create_api_key(user=user, name=name, read_only=read_only)
        self.stdout.write(raw)
