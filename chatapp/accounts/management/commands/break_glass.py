import sys
from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatapp.accounts import selectors
from chatapp.accounts.models import User
from chatapp.accounts.selectors.break_glass import list_break_glass_users
from chatapp.accounts.services.break_glass import (
    appoint_break_glass,
    revoke_break_glass,
    set_break_glass_password,
    unlock_name,
)
from chatapp.errors import ChatappError


class Command(BaseCommand):
    help = "Name an administrator who may sign in by password when single sign-on is away; without a name, list them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", nargs="?")
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--set-password", action="store_true", help="ask for a password, or read it from standard input"
        )
        what.add_argument("--revoke", action="store_true", help="take the way in by password away")
        what.add_argument("--unlock", action="store_true", help="forget failed passwords")
        parser.add_argument("--reason", default="", help="kept in the audit log")

    def handle(self, *_: Any, username: str | None, reason: str, **options: Any) -> None:
        if username is None:
            self.stdout.writelines(f"{user.username}\n" for user in list_break_glass_users())
            return
        user = selectors.get_user_by_name(username)
        if user is None:
            raise CommandError("There is no such user.")
        try:
            self.stdout.write(_act(user, reason, options))
        except ChatappError as error:
            raise CommandError(error.message) from None


def _act(user: User, reason: str, options: dict[str, Any]) -> str:
    if options["revoke"]:
        revoke_break_glass(user=user, actor=None, reason=reason)
        return f"{user.username} is no break-glass administrator any more."
    if options["unlock"]:
        unlock_name(user=user)
        return f"Failed passwords of {user.username} are forgotten."
    if options["set_password"]:
        set_break_glass_password(user=user, password=_read_password())
    appoint_break_glass(user=user, actor=None, reason=reason)
    return f"{user.username} may sign in by password even if nobody else may."


def _read_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass("Password: ")
    if password != getpass("Once more: "):
        raise CommandError("The two differ.")
    return password
