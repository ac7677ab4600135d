"""Text of the audit log, and links to it."""

from typing import Any

from django import template

from chatapp.accounts.permissions import can
from chatapp.console.read_models import audit

register = template.Library()
register.filter("one_line", audit.one_line)


@register.inclusion_tag("console/_history.html", takes_context=True)
def history(context: Any, object_id: object, name: str) -> dict[str, object]:
    """A link to all events about an object, for those who may read them."""
    return {"object_id": object_id, "name": name, "may_view": can(context["request"].user, "accounts.view_audit")}
