from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Now

from chatapp.accounts.models import ApiKey, ServiceAccount, User
from chatapp.accounts.permissions import can
from chatapp.accounts.selectors.keys import list_api_keys_for
from chatapp.errors import ChatappError


def list_service_accounts_for(user: User) -> QuerySet[ServiceAccount]:
    """With the number of keys that may be used now and when the first of them ends; empty for who may not manage."""
    if not can(user, "accounts.manage_service_accounts"):
        return ServiceAccount.objects.none()
    usable = Q(user__api_keys__revoked_at=None) & Q(user__api_keys__expires_at__gt=Now())
    accounts = ServiceAccount.objects.select_related("user", "owner", "owner_group", "created_by")
    return accounts.annotate(
        keys=Count("user__api_keys", filter=usable), first_end=Min("user__api_keys__expires_at", filter=usable)
    ).order_by("user__username")


def get_service_account_for(user: User, account_id: UUID) -> ServiceAccount:
    """Raises ChatappError("not_found")."""
    found = list_service_accounts_for(user).filter(pk=account_id).first()
    if found is None:
        raise ChatappError("not_found")
    return found


def list_owners_of(account: User) -> list[User]:
    """Active people who answer for it, whoever asks: for notices to them. Nobody for a person's own account."""
    owners = Q(service_accounts__user=account) | Q(groups__service_accounts__user=account)
    return list(User.objects.filter(owners, is_active=True).distinct())


def list_service_keys_for(user: User, account_id: UUID) -> QuerySet[ApiKey]:
    """Raises ChatappError("not_found")."""
    return list_api_keys_for(get_service_account_for(user, account_id).user)


def get_service_key_for(user: User, account_id: UUID, key_id: UUID) -> ApiKey:
    """Raises ChatappError("not_found")."""
    key = list_service_keys_for(user, account_id).filter(pk=key_id).first()
    if key is None:
        raise ChatappError("not_found")
    return key
