"""The pages that menus show, by the names of their addresses, and the permission that opens each."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can


@dataclass(frozen=True, slots=True)
class Page:
    """`permission` is None where everybody who is signed in may look."""

    label: str
    url_name: str
    permission: str | None = None


@dataclass(frozen=True, slots=True)
class PageGroup:
    """Pages that menus show under one heading."""

    label: str
    pages: tuple[Page, ...]


EVERYONES_PAGES = (Page("Chat", "chat"), Page("Knowledge", "knowledge"), Page("Compare", "compare"))
OVERVIEW = Page("Overview", "console")  # For whoever may open any of those below.
# Of more pages than that, menus show the groups.
FEW_PAGES = 6
CONSOLE_GROUPS = (
    PageGroup(
        "Models",
        (
            Page("Models", "console_models", "inference.view_version"),
            Page("Routes", "console_routes", "inference.view_version"),
            Page("Rollouts", "console_rollouts", "inference.view_rollout"),
            Page("Workers", "console_workers", "inference.view_worker"),
            Page("Indexes", "console_indexes", "retrieval.manage_indexes"),
            Page("Usage", "console_usage", "accounts.view_usage"),
            Page("Budgets", "console_budgets", "inference.manage_budgets"),
        ),
    ),
    PageGroup(
        "Quality",
        (
            Page("Evaluations", "console_evaluations", "evaluation.view_gate"),
            Page("Comparisons", "console_comparisons", "evaluation.view_gate"),
            Page("Alerts", "console_alerts", "evaluation.view_alert"),
            Page("Feedback", "console_feedback", "moderation.triage_feedback"),
        ),
    ),
    PageGroup(
        "Review",
        (
            Page("Flags", "console_flags", "moderation.review_flag"),
            Page("Policies", "console_policies", "moderation.view_policy"),
        ),
    ),
    PageGroup(
        "People",
        (
            Page("People", "console_people", "accounts.view_users"),
            Page("Roles", "console_roles", "accounts.manage_roles"),
            Page("Limits", "console_limits", "accounts.manage_limits"),
            Page("Service accounts", "console_service_accounts", "accounts.manage_service_accounts"),
        ),
    ),
    PageGroup(
        "Security",
        (
            Page("Audit", "console_audit", "accounts.view_audit"),
            Page("Readings", "console_readings", "conversations.view_readings"),
            Page("Privacy", "console_privacy", "privacy.manage"),
            Page("Sign-in", "console_sign_in", "accounts.manage_sign_in"),
            Page("Policy reports", "console_policy_reports", "console.view_policy_report"),
        ),
    ),
)
CONSOLE_PAGES = tuple(page for group in CONSOLE_GROUPS for page in group.pages)


def visible_pages(user: User, pages: Iterable[Page]) -> list[Page]:
    return [page for page in pages if page.permission is None or can(user, page.permission)]


def visible_groups(user: User) -> list[PageGroup]:
    """Those of the console of which the user may open a page, with these pages only."""
    groups = (PageGroup(group.label, tuple(visible_pages(user, group.pages))) for group in CONSOLE_GROUPS)
    return [group for group in groups if group.pages]


def is_at(path: str, page: Page) -> bool:
    """Whether that address is the console page's or one below it. All of the console's are below the overview's."""
    url = reverse(page.url_name)
    return path == url if page == OVERVIEW else path.startswith(url)
