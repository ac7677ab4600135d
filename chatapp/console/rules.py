"""The console is open to whoever may open one of its pages, by whatever role."""

import rules

from chatapp.accounts.models import Role, User
from chatapp.accounts.permissions import grant
from chatapp.console.access import pages_for


@rules.predicate  # type: ignore[untyped-decorator]
def has_a_page(user: User) -> bool:
    return bool(pages_for(user))


rules.add_perm("console.open", has_a_page)
grant("console.view_policy_report", "See what browsers refused", Role.AUDITOR, Role.ADMINISTRATOR)
