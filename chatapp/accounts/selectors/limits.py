from uuid import UUID

from django.db.models import Q, QuerySet

from chatapp.accounts.models import LimitSubject, RateLimit, User
from chatapp.accounts.permissions import can, require
from chatapp.errors import ChatappError


def list_limits_that_apply(user: User) -> QuerySet[RateLimit]:
    """All that could bind this user: everyone's, those of the user's groups, the user's own, those of all routes."""
    shared = Q(subject__in=[LimitSubject.EVERYONE, LimitSubject.ROUTE])
    own = Q(user=user) | Q(group_id__in=user.groups.values("id"))
    return RateLimit.objects.filter(shared | own)


def list_rate_limits_for(user: User) -> QuerySet[RateLimit]:
    """For those who set them; empty for others."""
    limits = RateLimit.objects.select_related("user", "group")
    return limits if can(user, "accounts.manage_limits") else limits.none()


def get_rate_limit_for(user: User, limit_id: UUID) -> RateLimit:
    """Raises ChatappError: forbidden, not_found."""
    require(user, "accounts.manage_limits")
    limit = list_rate_limits_for(user).filter(pk=limit_id).first()
    if limit is None:
        raise ChatappError("not_found")
    return limit
