from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatapp.accounts import selectors
from chatapp.accounts.services.provisioned_users import connect_client
from chatapp.errors import ChatappError


class Command(BaseCommand):
    help = "Say for which identity provider a SCIM client speaks, so that its people and sign-ins are known to be one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="the service account of the client")
        parser.add_argument("provider", help="the short name of the identity provider")
        parser.add_argument(
            "--claim", default="sub", help="what of a sign-in equals a person's SCIM externalId: sub (also SAML), oid"
        )

    def handle(self, *_: Any, username: str, provider: str, claim: str, **__: Any) -> None:
        account = selectors.get_user_by_name(username)
        if account is None:
            message = f"There is no user named {username}."
            raise CommandError(message)
        try:
            connect_client(account=account, provider=provider, claim=claim)
        except ChatappError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{username} speaks for {provider}: {claim} is the externalId.")
