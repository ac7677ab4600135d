"""Empties the database after a test with transactions of its own: only the tables that it wrote to.

Django truncates all of them and makes permissions anew, which takes longer than most such tests.
"""

from django.db import connection
from django.test import TransactionTestCase

# Made by migrations, the same for every test.
KEPT = frozenset({"django_content_type", "auth_permission", "django_migrations"})


def empty_used_tables(_: TransactionTestCase) -> None:
    from chatapp.privacy.models import DataKey
    from chatapp.privacy.selectors.keys import stored_keys
    from chatapp.privacy.services.keys import ensure_data_keys

    tables = [name for name in connection.introspection.django_table_names(only_existing=True) if name not in KEPT]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in tables))
        used = [name for (name,) in cursor.fetchall()]
        # Neither order nor triggers matter when all rows go: those that keep the audit log would refuse.
        cursor.execute("SET session_replication_role = replica")
        for name in used:
            cursor.execute(f"DELETE FROM {name}")
        cursor.execute("RESET session_replication_role")
    if DataKey._meta.db_table in used:  # as after a migration
        stored_keys.forget()
        ensure_data_keys()
        stored_keys.refresh()
