from django.db.models import QuerySet

from chatapp.accounts.models import BreakGlassAlarm, Role, SignInPolicy, User
from chatapp.accounts.permissions import can
from chatapp.accounts.selectors.sso import get_sign_in_policy, list_identity_providers


def get_user_by_typed_name(name: str) -> User | None:
    """As it is stored, or the only one that differs in case alone."""
    found = list(User.objects.filter(username__iexact=name)[:3])
    exact = [user for user in found if user.username == name]
    return exact[0] if exact else found[0] if len(found) == 1 else None


def may_use_password(user: User) -> bool:
    """Whether a right password lets this user in. Programs have keys instead."""
    if not user.is_active or user.is_service:
        return False
    return is_break_glass(user) or not is_password_restricted()


def is_break_glass(user: User) -> bool:
    return user.is_break_glass and user.has_role(Role.ADMINISTRATOR)


def is_password_restricted() -> bool:
    return get_sign_in_policy().local_login == SignInPolicy.LocalLogin.BREAK_GLASS_ONLY


def is_password_form_folded() -> bool:
    """Where most people have another way in, the form stands behind a line for those who have not."""
    return is_password_restricted() and bool(list_identity_providers())


def list_break_glass_users() -> QuerySet[User]:
    return User.objects.filter(is_break_glass=True).order_by("username")


def list_open_alarms_for(user: User) -> QuerySet[BreakGlassAlarm]:
    """Those that nobody has acknowledged, the latest first."""
    alarms = BreakGlassAlarm.objects.filter(acknowledged_at=None).select_related("user")
    return alarms if can(user, "accounts.manage_sign_in") else alarms.none()
