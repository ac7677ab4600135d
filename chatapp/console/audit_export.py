"""The audit log as a file: OCSF-shaped JSON lines, read page by page while they are sent."""

import json
from collections.abc import AsyncIterator

from chatapp.accounts.models import User
from chatapp.accounts.ocsf import to_ocsf
from chatapp.accounts.selectors import AuditSearch, list_audit_events_for
from chatapp.api.lists import ListQuery, page_of
from chatapp.database import in_thread

MAX_EVENTS = 100_000
_PAGE = 200


async def export_lines(user: User, search: AuditSearch, *, limit: int = MAX_EVENTS) -> AsyncIterator[bytes]:
    """Newest first, at most `limit`. All but ASCII is escaped, controls too."""
    events, cursor, left = list_audit_events_for(user, search), "", limit
    while left > 0:
        query = ListQuery(limit=min(_PAGE, left), cursor=cursor)
        page = await in_thread(page_of)(events, query, to_ocsf, by="at")
        for shaped in page.items:
            yield json.dumps(shaped, separators=(",", ":")).encode() + b"\n"
        left -= len(page.items)
        if page.next is None:
            return
        cursor = page.next
