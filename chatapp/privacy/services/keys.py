"""Data keys: made, replaced, wrapped anew."""

import secrets
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from chatapp.accounts.services import record_event
from chatapp.encryption import PURPOSES, fingerprint, unwrap, wrap
from chatapp.privacy.models import DataKey
from chatapp.privacy.selectors.keys import stored_keys

KEY_BYTES = 32


@transaction.atomic
def ensure_data_keys() -> None:
    """The first key of each purpose; called after the migrations, before any process writes."""
    known = set(DataKey.objects.filter(is_active=True).values_list("purpose", flat=True))
    for purpose in PURPOSES:
        if purpose not in known:
            _create(purpose)


@transaction.atomic
def replace_data_keys() -> list[DataKey]:
    """New active keys. Other processes go on with the old ones for ACTIVE_SECONDS; what is old stays readable."""
    active = DataKey.objects.select_for_update().filter(is_active=True)
    old = [key.id for key in active]
    DataKey.objects.filter(id__in=old).update(is_active=False)
    created = [_create(purpose) for purpose in PURPOSES]
    record_event(
        actor=None, action="privacy.keys_replaced", before={"keys": old}, after={"keys": [k.id for k in created]}
    )
    transaction.on_commit(stored_keys.refresh)
    return created


@transaction.atomic
def wrap_keys_anew() -> int:
    """Under the first of FIELD_ENCRYPTION_KEYS; returns how many were under another. Raises DecryptionError."""
    newest = fingerprint(settings.FIELD_ENCRYPTION_KEYS[0])
    old = list(DataKey.objects.select_for_update().exclude(wrapped_by=newest))
    for key in old:
        raw = unwrap(key.wrapped, wrapped_by=key.wrapped_by, key_id=key.id, purpose=key.purpose)
        key.wrapped, key.wrapped_by = wrap(raw, key_id=key.id, purpose=key.purpose), newest
        key.save(update_fields=["wrapped", "wrapped_by"])
    if old:
        record_event(actor=None, action="privacy.keys_wrapped", detail={"keys": [key.id for key in old]})
    return len(old)


def delete_unused_keys(*, used: Sequence[str]) -> int:
    """Keys that are not active and that no text names any more."""
    return DataKey.objects.filter(is_active=False).exclude(id__in=used).delete()[0]


def _create(purpose: str) -> DataKey:
    key_id = secrets.token_hex(6)
    wrapped = wrap(secrets.token_bytes(KEY_BYTES), key_id=key_id, purpose=purpose)
    wrapped_by = fingerprint(settings.FIELD_ENCRYPTION_KEYS[0])
    return DataKey.objects.create(id=key_id, purpose=purpose, wrapped=wrapped, wrapped_by=wrapped_by)
