from django.contrib.auth.models import Group
from django.db.models import QuerySet

from chatapp.accounts.models import CustomRole, User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError


def list_custom_roles_for(user: User) -> QuerySet[CustomRole]:
    return CustomRole.objects.all() if can(user, "accounts.manage_roles") else CustomRole.objects.none()


def get_custom_role_for(user: User, slug: str) -> CustomRole:
    """Raises ChatappError("not_found")."""
    role = list_custom_roles_for(user).filter(slug=slug).first()
    if role is None:
        raise ChatappError("not_found")
    return role


def list_groups_for(user: User) -> QuerySet[Group]:
    """Company groups with what roles they give."""
    groups = Group.objects.order_by("name").prefetch_related("given_roles")
    return groups if can(user, "accounts.manage_roles") else groups.none()


def get_group_for(user: User, group_id: int) -> Group:
    """Raises ChatappError("not_found")."""
    group = list_groups_for(user).filter(pk=group_id).first()
    if group is None:
        raise ChatappError("not_found")
    return group
