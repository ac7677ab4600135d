import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatapp.encryption import DecryptionError
from chatapp.privacy.selectors.keys import ACTIVE_SECONDS, stored_keys
from chatapp.privacy.services.exports import list_keys_of_archives
from chatapp.privacy.services.keys import delete_unused_keys, replace_data_keys, wrap_keys_anew
from chatapp.privacy.services.rotation import count_stale, encrypt_anew, list_used_keys


class Command(BaseCommand):
    help = "Wraps the data keys under the first of FIELD_ENCRYPTION_KEYS and encrypts all text with new data keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say what is left to do; exit 1 if anything is")
        parser.add_argument("--keep-data-keys", action="store_true", help="no new data keys: go on with what is active")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            if options["check"]:
                self._check()
            else:
                self._rotate(replace=not options["keep_data_keys"])
        except DecryptionError as error:
            raise CommandError(str(error)) from error

    def _check(self) -> None:
        stale = count_stale()
        for column, count in stale.items():
            self.stdout.write(f"{column}: {count:,} texts are not under the active key")
        if stale:
            raise CommandError("Run `manage.py rotate_keys --keep-data-keys`.")
        self.stdout.write("All text is as the settings want it.")

    def _rotate(self, *, replace: bool) -> None:
        self.stdout.write(f"{wrap_keys_anew()} data keys wrapped under the first of FIELD_ENCRYPTION_KEYS")
        if replace:
            created = replace_data_keys()
            self.stdout.write(f"new data keys: {', '.join(key.id for key in created)}")
            self.stdout.write(f"waiting {ACTIVE_SECONDS:.0f} s until every process has heard of them")
            time.sleep(ACTIVE_SECONDS)
            stored_keys.refresh()
        done = encrypt_anew(report=lambda column, count: self.stdout.write(f"{column}: {count:,} texts"))
        self.stdout.write(f"{done:,} texts encrypted anew")
        if replace:
            self.stdout.write(
                f"{delete_unused_keys(used=sorted(list_used_keys() | list_keys_of_archives()))} old data keys deleted"
            )
