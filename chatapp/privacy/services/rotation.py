"""Text is brought under the active data keys, in batches and while the product runs."""

from collections.abc import Callable

from chatapp.encryption import decrypt, encrypt
from chatapp.privacy.selectors.keys import stored_keys
from chatapp.privacy.sql import Column, count_by_key, encrypted_columns, read_stale, replace_text

BATCH = 500
Report = Callable[[str, int], None]


def encrypt_anew(*, report: Report) -> int:
    """Returns how many texts were written. Broken off, it goes on where it was: what is done is not read again.

    `report` hears after each batch of a column how many were done. Raises DecryptionError at a text that no key opens.
    """
    return sum(_encrypt_column(column, report) for column in encrypted_columns())


def count_stale() -> dict[str, int]:
    """By column, how many texts are not as the settings and the active keys want them; no columns without any."""
    stale = {}
    for column in encrypted_columns():
        counts = count_by_key(column)
        counts.pop("plain" if column.kept_plain else _active_id(column), None)
        if counts:
            stale[column.place] = sum(counts.values())
    return stale


def list_used_keys() -> set[str]:
    return {name for column in encrypted_columns() for name in count_by_key(column)}


def _encrypt_column(column: Column, report: Report) -> int:
    done, after, key_id = 0, None, _active_id(column)
    while rows := read_stale(column, key_id=key_id, after=after, limit=BATCH):
        for key, stored in rows:
            text = decrypt(stored, column=column.place)
            new = text if column.kept_plain else encrypt(text, purpose=column.purpose, column=column.place)
            done += replace_text(column, key=key, old=stored, new=new)
        after = rows[-1][0]
        report(column.place, done)
    return done


def _active_id(column: Column) -> str:
    key = stored_keys.active(column.purpose)
    return key.id if key else ""
