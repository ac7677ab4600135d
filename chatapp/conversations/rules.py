"""What roles give that concerns other people's conversations. One's own are not among it: they are one's own."""

from chatapp.accounts.models import Role
from chatapp.accounts.permissions import grant

_ROLES = (Role.AUDITOR, Role.ADMINISTRATOR)
grant("conversations.view_readings", "See who asked to read conversations", *_ROLES)
grant("conversations.request_reading", "Ask to read a person's conversations", *_ROLES)
grant("conversations.approve_reading", "Let somebody else read a person's conversations", *_ROLES)
