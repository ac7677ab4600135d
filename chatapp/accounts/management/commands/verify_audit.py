from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatapp.accounts import selectors, services


class Command(BaseCommand):
    help = "Check the hash chain of audit events, and print its head, which is worth keeping elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first", type=int, default=1, help="number of the first event to check")
        parser.add_argument("--expect", default="", help="a hash that was printed before, which must still be there")

    def handle(self, *_: Any, first: int, expect: str, **__: Any) -> None:
        if first < 1:
            message = "Events are numbered from 1."
            raise CommandError(message)
        services.seal_events()
        found = selectors.verify_chain(first=first, expected_hash=expect.lower())
        if found.problem:
            message = f"BROKEN at event {found.broken_at}: {found.problem}. {found.checked} events before it are whole."
            raise CommandError(message)
        self.stdout.write(f"OK: {found.checked} events are whole. Head: {found.head_number} {found.head_hash}")
