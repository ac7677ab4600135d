from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.services.audit import record_event
from chatapp.accounts.services.roles import settle_roles

_MAX_GROUPS = 200


@transaction.atomic
def set_company_groups(*, user: User, names: Iterable[str]) -> None:
    """Make the user's company groups exactly these, as the identity provider says, with the roles that they give.

    Those that a SCIM client gave are that client's to take away: they stay.
    """
    provisioned = Group.objects.filter(provisioned__memberships__person=user.pk).values_list("name", flat=True)
    told = sorted({name.strip()[:150] for name in names if name.strip()})[:_MAX_GROUPS]
    wanted = sorted({*told, *provisioned})
    if wanted == sorted(user.groups.values_list("name", flat=True)):
        return
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in wanted])
    record_event(actor=user, action="user.groups_synchronized", obj=user, detail={"groups": wanted})
    settle_roles(user=user, reason="company groups")
