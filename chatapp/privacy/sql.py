"""Statements on encrypted columns as they are stored: the ORM would decrypt what it reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection
from psycopg import sql

from chatapp.encryption import FERNET_MARK, MARK
from chatapp.fields import EncryptedTextField


@dataclass(frozen=True, slots=True)
class Column:
    """An encrypted column; `kept_plain`: its text is meant to be plain, by the settings."""

    table: str
    key: str
    name: str
    purpose: str
    kept_plain: bool

    @property
    def place(self) -> str:
        return f"{self.table}.{self.name}"


def encrypted_columns() -> Iterator[Column]:
    for model in apps.get_models():
        for field in model._meta.concrete_fields:  # noqa: SLF001 (Django's public name for it)
            if isinstance(field, EncryptedTextField) and field.column and model._meta.pk is not None:  # noqa: SLF001
                options = model._meta  # noqa: SLF001
                yield Column(
                    table=options.db_table,
                    key=str(options.pk.column),
                    name=field.column,
                    purpose=field.purpose,
                    kept_plain=not field.encrypts(),
                )


def read_stale(column: Column, *, key_id: str, after: Any, limit: int) -> list[tuple[Any, str]]:
    """Rows that are not as the settings and the active key want them, by primary key."""
    condition = sql.SQL("{c} <> ''").format(c=sql.Identifier(column.name))
    if column.kept_plain:
        condition += sql.SQL(" AND {c} LIKE ANY(%(marks)s)").format(c=sql.Identifier(column.name))
    else:
        condition += sql.SQL(" AND NOT starts_with({c}, %(current)s)").format(c=sql.Identifier(column.name))
    if after is not None:
        condition += sql.SQL(" AND {k} > %(after)s").format(k=sql.Identifier(column.key))
    statement = sql.SQL("SELECT {k}, {c} FROM {t} WHERE {condition} ORDER BY {k} LIMIT %(limit)s").format(
        k=sql.Identifier(column.key),
        c=sql.Identifier(column.name),
        t=sql.Identifier(column.table),
        condition=condition,
    )
    values: dict[str, Any] = {
        "marks": [MARK + "%", FERNET_MARK + "%"],
        "current": f"{MARK}{key_id}:",
        "after": after,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [(row[0], row[1]) for row in cursor.fetchall()]


def replace_text(column: Column, *, key: Any, old: str, new: str) -> bool:
    """False when somebody has written the row meanwhile: then that text stands."""
    statement = sql.SQL("UPDATE {t} SET {c} = %s WHERE {k} = %s AND {c} = %s").format(
        t=sql.Identifier(column.table), c=sql.Identifier(column.name), k=sql.Identifier(column.key)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [new, key, old])
        return bool(cursor.rowcount == 1)


def count_by_key(column: Column) -> dict[str, int]:
    """How many texts are under which data key; "plain" and "fernet" (before there were data keys) too."""
    statement = sql.SQL(
        "SELECT CASE WHEN starts_with({c}, %s) THEN split_part({c}, ':', 2)"
        " WHEN starts_with({c}, %s) THEN 'fernet' ELSE 'plain' END, count(*)"
        " FROM {t} WHERE {c} <> '' GROUP BY 1"
    ).format(t=sql.Identifier(column.table), c=sql.Identifier(column.name))
    with connection.cursor() as cursor:
        cursor.execute(statement, [MARK, FERNET_MARK])
        return {str(name): int(count) for name, count in cursor.fetchall()}


def find_mentions(word: str, *, without: frozenset[str] = frozenset()) -> dict[str, int]:
    """By table, how many rows have `word` anywhere in their text form. Reads every row of every table."""
    found = {}
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)} - without  # noqa: SLF001
    pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    with connection.cursor() as cursor:
        for table in sorted(tables):
            cursor.execute(
                sql.SQL("SELECT count(*) FROM {t} AS found WHERE found::text LIKE %s").format(t=sql.Identifier(table)),
                [pattern],
            )
            if count := cursor.fetchone()[0]:
                found[table] = int(count)
    return found
