"""What encryption at rest costs for each message: python -m benchmarks.encryption [--json] [--rounds N]

Texts of three lengths, three ways by turns: plain (ENCRYPT_MESSAGES off), as the product stores them (AES-256-GCM by a
data key), and with Fernet, as it once did. `alone` is encrypting and decrypting; `row` is that with an INSERT and a
SELECT, each its own transaction, in a PostgreSQL of its own that never syncs to disk, which makes the ratio larger than
it is in use. Prints one JSON object last.
"""

import argparse
import json
import os
import random
import statistics
import string
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.fernet import Fernet

from chatapp.runtime.with_services import disposable_environment

LENGTHS = {200: 300, 2_000: 300, 20_000: 60}  # Characters, and messages in each round.
_TABLE = "CREATE TEMPORARY TABLE benchmark_texts (id integer PRIMARY KEY, text text NOT NULL)"
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Way:
    name: str
    write: Callable[[str], str]
    read: Callable[[str], str]
    encrypts: bool = True


def _ways() -> list[Way]:
    from django.conf import settings

    from chatapp.conversations.models import Message
    from chatapp.encryption import FERNET_MARK

    column: Any = Message._meta.get_field("text")  # noqa: SLF001 (Django's public name for it)
    fernet = Fernet(settings.FIELD_ENCRYPTION_KEYS[0])

    def as_once(text: str) -> str:
        return FERNET_MARK + fernet.encrypt(text.encode()).decode()

    return [
        Way("plain", column.get_prep_value, column.from_db_value, encrypts=False),
        Way("aes_gcm", column.get_prep_value, column.from_db_value),
        Way("fernet", as_once, column.from_db_value),
    ]


def _texts(length: int, count: int) -> list[str]:
    chance = random.Random(length)  # noqa: S311 (the same texts in each run)
    return ["".join(chance.choices(string.ascii_letters + "     \n", k=length)) for _ in range(count)]


def _alone(way: Way, texts: list[str]) -> float:
    started = time.perf_counter()
    for text in texts:
        if way.read(way.write(text)) != text:
            raise AssertionError(f"{way.name} does not give back what it was given.")
    return time.perf_counter() - started


def _row(way: Way, texts: list[str]) -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE benchmark_texts")
        started = time.perf_counter()
        for number, text in enumerate(texts):
            cursor.execute("INSERT INTO benchmark_texts VALUES (%s, %s)", [number, way.write(text)])
            cursor.execute("SELECT text FROM benchmark_texts WHERE id = %s", [number])
            way.read(cursor.fetchone()[0])
        return time.perf_counter() - started


def measure(ways: list[Way], rounds: int) -> dict[str, Figures]:
    """By length: for each way microseconds a message, the median of the rounds; and ratios."""
    from django.conf import settings

    results = {}
    for length, count in LENGTHS.items():
        texts = _texts(length, count)
        taken: dict[str, dict[str, list[float]]] = {way.name: {"alone": [], "row": []} for way in ways}
        for number in range(rounds):
            for way in ways if number % 2 else reversed(ways):
                settings.ENCRYPT_MESSAGES = way.encrypts
                taken[way.name]["alone"].append(_alone(way, texts) / count * 1e6)
                taken[way.name]["row"].append(_row(way, texts) / count * 1e6)
        found = {
            name: {kind: statistics.median(values) for kind, values in kinds.items()} for name, kinds in taken.items()
        }
        results[str(length)] = found | {"ratios": _ratios(found)}
    return results


def _ratios(found: Figures) -> dict[str, float]:
    ours = found["aes_gcm"]
    return {
        "row_to_plain": ours["row"] / found["plain"]["row"],
        "row_to_fernet": ours["row"] / found["fernet"]["row"],
        "alone_to_fernet": ours["alone"] / found["fernet"]["alone"],
    }


def lines(results: dict[str, Figures]) -> Iterator[str]:
    yield "| characters | way | alone, µs | row, µs | row, of plain |"
    yield "|---:|---|---:|---:|---:|"
    for length, found in results.items():
        for name, figures in found.items():
            if name != "ratios":
                share = figures["row"] / found["plain"]["row"]
                yield f"| {int(length):,} | {name} | {figures['alone']:.1f} | {figures['row']:.0f} | {share:.2f} |"


def _prepare() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatapp.settings")
    django.setup()
    from django.db import connection

    from chatapp.privacy.models import DataKey
    from chatapp.privacy.services.keys import ensure_data_keys

    with connection.schema_editor() as editor:
        editor.create_model(DataKey)
    ensure_data_keys()
    with connection.cursor() as cursor:
        cursor.execute(_TABLE)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.encryption",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    for name in ("DATABASE_URL", "DATABASE_URL_FILE"):  # It makes tables: never in a database that is there already.
        os.environ.pop(name, None)
    with disposable_environment() as environment:
        os.environ.update(environment)
        _prepare()
        load = os.getloadavg()
        results = measure(_ways(), options.rounds)
        from django.db import connections

        connections.close_all()
    if not options.json:
        print(*lines(results), sep="\n")
    about = {"date": datetime.now(UTC).date().isoformat(), "cores": os.cpu_count(), "load_before": load}
    print(json.dumps({"benchmark": "encryption", **about, "rounds": options.rounds, "lengths": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
