"""System checks that need the database: `manage.py check --database default`, and each `migrate`."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from chatapp.privacy.models import DataKey
from chatapp.privacy.selectors.keys import list_unopened


@register(Tags.database)
def check_data_keys(
    app_configs: Any = None,  # noqa: ARG001 (Django passes it)
    databases: Sequence[str] | None = None,
    **_: Any,
) -> list[CheckMessage]:
    """FIELD_ENCRYPTION_KEYS open every data key."""
    if "default" not in (databases or ()):
        return []
    if DataKey._meta.db_table not in connections["default"].introspection.table_names():  # noqa: SLF001
        return []
    hint = "Add the old key to FIELD_ENCRYPTION_KEYS, after the newest one, and run `manage.py rotate_keys`."
    return [Error(problem, hint=hint, id="privacy.E001") for problem in list_unopened()]
