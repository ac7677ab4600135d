from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PrivacyConfig(AppConfig):
    name = "chatapp.privacy"

    def ready(self) -> None:
        from chatapp.encryption import set_key_source
        from chatapp.holds import set_register
        from chatapp.privacy import checks  # noqa: F401 (registers them)
        from chatapp.privacy.selectors.holds import StoredHolds
        from chatapp.privacy.selectors.keys import stored_keys

        set_key_source(stored_keys)
        set_register(StoredHolds())
        post_migrate.connect(_prepare_keys, sender=self)


def _prepare_keys(**_: Any) -> None:
    """Each start migrates first: a key that is missing or wrong is told there, before anything is served."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connection

    from chatapp.privacy.models import DataKey
    from chatapp.privacy.selectors.keys import list_unopened, stored_keys
    from chatapp.privacy.services.keys import ensure_data_keys

    if DataKey._meta.db_table not in connection.introspection.table_names():  # noqa: SLF001 (migrated backwards)
        return
    problems = list_unopened()
    if problems:
        raise ImproperlyConfigured(" ".join(problems))
    stored_keys.forget()
    ensure_data_keys()
    stored_keys.refresh()
