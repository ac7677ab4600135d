"""What is read of people, keys and the audit log."""

from chatapp.accounts.selectors.audit import AuditSearch, get_audit_event_for, list_audit_events_for
from chatapp.accounts.selectors.chain import find_head, verify_chain
from chatapp.accounts.selectors.keys import digest_of_key, get_api_key, get_api_key_for, list_api_keys_for
from chatapp.accounts.selectors.limits import get_rate_limit_for, list_limits_that_apply, list_rate_limits_for
from chatapp.accounts.selectors.people import get_user_by_name
from chatapp.accounts.selectors.sign_ins import (
    get_sign_in_by_session,
    list_sign_ins_at,
    list_sign_ins_for,
)
from chatapp.accounts.selectors.sso import (
    find_identity_provider,
    get_claimed_groups,
    get_sign_in_policy,
    has_accounts_of,
    list_identity_providers,
)

__all__ = [
    "AuditSearch",
    "digest_of_key",
    "find_head",
    "find_identity_provider",
    "get_api_key",
    "get_api_key_for",
    "get_audit_event_for",
    "get_claimed_groups",
    "get_rate_limit_for",
    "get_sign_in_by_session",
    "get_sign_in_policy",
    "get_user_by_name",
    "has_accounts_of",
    "list_api_keys_for",
    "list_audit_events_for",
    "list_identity_providers",
    "list_limits_that_apply",
    "list_rate_limits_for",
    "list_sign_ins_at",
    "list_sign_ins_for",
    "verify_chain",
]
