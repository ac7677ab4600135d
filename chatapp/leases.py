"""Rows that workers take for a while: until `lease_until`, in database time, nobody else goes on with them."""

from django.db.models import Q
from django.db.models.functions import Now

# Nobody works on it, or whoever did has been silent for too long.
UNLEASED = Q(lease_until=None) | Q(lease_until__lt=Now())
