"""What is written of people, keys and the audit log."""

from chatapp.accounts.services.access import disable_user, enable_user, sign_out_everywhere
from chatapp.accounts.services.audit import forget_actor, record_event
from chatapp.accounts.services.audit_exports import begin_audit_export
from chatapp.accounts.services.denials import record_denied
from chatapp.accounts.services.keys import add_key_usage, create_api_key, revoke_api_key, touch_api_key
from chatapp.accounts.services.limits import remove_rate_limit, set_rate_limit
from chatapp.accounts.services.people import set_company_groups
from chatapp.accounts.services.roles import (
    change_custom_role,
    create_custom_role,
    delete_custom_role,
    require_another_administrator,
    set_group_roles,
    set_roles,
    settle_members,
    settle_roles,
)
from chatapp.accounts.services.sealing import seal_events, seal_some_events
from chatapp.accounts.services.sign_ins import (
    Voucher,
    end_other_sign_ins,
    end_own_sign_in,
    end_sign_ins,
    forget_sign_in,
    start_sign_in,
    touch_sign_in,
)

__all__ = [
    "Voucher",
    "add_key_usage",
    "begin_audit_export",
    "change_custom_role",
    "create_api_key",
    "create_custom_role",
    "delete_custom_role",
    "disable_user",
    "enable_user",
    "end_other_sign_ins",
    "end_own_sign_in",
    "end_sign_ins",
    "forget_actor",
    "forget_sign_in",
    "record_denied",
    "record_event",
    "remove_rate_limit",
    "require_another_administrator",
    "revoke_api_key",
    "seal_events",
    "seal_some_events",
    "set_company_groups",
    "set_group_roles",
    "set_rate_limit",
    "set_roles",
    "settle_members",
    "settle_roles",
    "sign_out_everywhere",
    "start_sign_in",
    "touch_api_key",
    "touch_sign_in",
]
