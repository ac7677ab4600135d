from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from chatapp.accounts import selectors, services
from chatapp.accounts.scopes import SCOPES
from chatapp.errors import ChatappError


class Command(BaseCommand):
    help = "Create a bearer key for the HTTP API and print it; it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--read-only", action="store_true", help="the key may read but not change anything")
        parser.add_argument("--name", default="", help="what the key is for")
        parser.add_argument("--scopes", default="", help=f"separated by commas, of: {', '.join(SCOPES)}; none is all")
        parser.add_argument("--expires-days", type=int, help="days until it ends; without it API_KEY_DAYS")

    def handle(
        self, *_: Any, username: str, read_only: bool, name: str, scopes: str, expires_days: int | None, **__: Any
    ) -> None:
        user = selectors.get_user_by_name(username)
        if user is None or not user.is_active:
            message = f"There is no active user named {username}."
            raise CommandError(message)
        wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
        if expires_days is not None and expires_days < 1:
            raise CommandError("A key lasts a day or more.")
        expires_at = timezone.now() + timedelta(days=expires_days) if expires_days else None
        try:
            _key, raw = services.create_api_key(
                user=user, name=name, read_only=read_only, scopes=wanted, expires_at=expires_at
            )
        except ChatappError as error:
            raise CommandError(error.message) from None
        self.stdout.write(raw)
