"""What is written of people, keys and the audit log."""

from chatapp.accounts.services.access import (
    disable_user,
    enable_user,
    require_another_administrator,
    sign_out_everywhere,
)
from chatapp.accounts.services.audit import record_event
from chatapp.accounts.services.keys import create_api_key, revoke_api_key, touch_api_key
from chatapp.accounts.services.people import set_company_groups

__all__ = [
    "create_api_key",
    "disable_user",
    "enable_user",
    "record_event",
    "require_another_administrator",
    "revoke_api_key",
    "set_company_groups",
    "sign_out_everywhere",
    "touch_api_key",
]
