"""The pages that menus show, by the names of their addresses, and the permission that opens each."""

from collections.abc import Iterable
from dataclasses import dataclass

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can


@dataclass(frozen=True, slots=True)
class Page:
    """`permission` is None where everybody who is signed in may look."""

    label: str
    url_name: str
    permission: str | None = None


EVERYONES_PAGES = (Page("Chat", "chat"), Page("Knowledge", "knowledge"))
CONSOLE_PAGES = (
    Page("Overview", "console", "moderation.view_policy"),
    Page("Models", "console_models", "inference.view_version"),
    Page("Routes", "console_routes", "inference.view_version"),
    Page("Indexes", "console_indexes", "retrieval.manage_indexes"),
    Page("Workers", "console_workers", "inference.view_worker"),
    Page("Usage", "console_usage", "accounts.view_usage"),
    Page("Flags", "console_flags", "moderation.review_flag"),
    Page("Feedback", "console_feedback", "moderation.triage_feedback"),
    Page("Policies", "console_policies", "moderation.view_policy"),
    Page("Limits", "console_limits", "accounts.manage_limits"),
    Page("Service accounts", "console_service_accounts", "accounts.manage_service_accounts"),
    Page("Policy reports", "console_policy_reports", "console.view_policy_report"),
    Page("Sign-in", "console_sign_in", "accounts.manage_sign_in"),
    Page("People", "console_people", "accounts.view_users"),
    Page("Roles", "console_roles", "accounts.manage_roles"),
    Page("Audit", "console_audit", "accounts.view_audit"),
    Page("Readings", "console_readings", "conversations.view_readings"),
    Page("Privacy", "console_privacy", "privacy.manage"),
)


def visible_pages(user: User, pages: Iterable[Page]) -> list[Page]:
    return [page for page in pages if page.permission is None or can(user, page.permission)]
