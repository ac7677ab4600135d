"""What is read of people, keys and the audit log."""

from chatapp.accounts.selectors.audit import list_audit_events_for
from chatapp.accounts.selectors.chain import find_head, verify_chain
from chatapp.accounts.selectors.keys import digest_of_key, get_api_key, list_api_keys_for
from chatapp.accounts.selectors.people import get_user_by_name
from chatapp.accounts.selectors.sign_ins import (
    get_sign_in_by_session,
    is_session_alive,
    list_sign_ins_at,
    list_sign_ins_for,
)

__all__ = [
    "digest_of_key",
    "find_head",
    "get_api_key",
    "get_sign_in_by_session",
    "get_user_by_name",
    "is_session_alive",
    "list_api_keys_for",
    "list_audit_events_for",
    "list_sign_ins_at",
    "list_sign_ins_for",
    "verify_chain",
]
