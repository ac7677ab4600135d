"""Named administrators who may sign in by password when single sign-on is away, and the alarm that it raises."""

import structlog
from axes.models import AccessAttempt
from django.db import transaction
from django.utils import timezone

from chatapp.accounts.alarms import send_alarm
from chatapp.accounts.lockout import stand_in_for
from chatapp.accounts.metrics import BREAK_GLASS_LOGINS
from chatapp.accounts.models import BreakGlassAlarm, Role, User
from chatapp.accounts.permissions import require
from chatapp.accounts.services.audit import record_event
from chatapp.accounts.services.sso import require_a_way_in
from chatapp.errors import ChatappError

MIN_PASSWORD = 16
log = structlog.get_logger(__name__)


@transaction.atomic
def appoint_break_glass(*, user: User, actor: User | None, reason: str = "") -> None:
    """Raises ChatappError("invalid") unless it is an active administrator with a password, and where an actor gives no
    reason; ("forbidden").
    """
    _require(actor, reason)
    if not user.is_active or not user.has_role(Role.ADMINISTRATOR) or not user.has_usable_password():
        raise ChatappError("invalid", detail="a break-glass account is an administrator with a password.")
    if User.objects.filter(pk=user.pk, is_break_glass=False).update(is_break_glass=True):
        record_event(actor=actor, action="user.break_glass_granted", obj=user, reason=reason)
    user.is_break_glass = True


@transaction.atomic
def revoke_break_glass(*, user: User, actor: User | None, reason: str = "") -> None:
    """Raises ChatappError("last_way_in"), ("forbidden"), ("invalid") without a reason of an actor's."""
    _require(actor, reason)
    if User.objects.filter(pk=user.pk, is_break_glass=True).update(is_break_glass=False):
        record_event(actor=actor, action="user.break_glass_revoked", obj=user, reason=reason)
    user.is_break_glass = False
    require_a_way_in()


@transaction.atomic
def set_break_glass_password(*, user: User, password: str) -> None:
    """For whoever has the server's shell. Raises ChatappError("invalid") below MIN_PASSWORD characters."""
    if len(password) < MIN_PASSWORD:
        raise ChatappError("invalid", detail=f"the password has {MIN_PASSWORD} characters or more.")
    user.set_password(password)
    user.save(update_fields=["password"])
    record_event(actor=None, action="user.password_set", obj=user)


def unlock_name(*, user: User) -> int:
    """Forget the failed passwords of this name. Returns how many rows there were."""
    removed = AccessAttempt.objects.filter(username=stand_in_for(user.username)).delete()[0]
    record_event(actor=None, action="user.unlocked", obj=user)
    return int(removed)


@transaction.atomic
def raise_break_glass_alarm(*, user: User, address: str | None) -> BreakGlassAlarm:
    """Said in the record, the log, the metrics, the console and, with ALARM_WEBHOOK_URL, elsewhere."""
    alarm = BreakGlassAlarm.objects.create(user=user, address=address)
    record_event(actor=user, action="session.break_glass", obj=user, detail={"alarm": alarm.pk})
    BREAK_GLASS_LOGINS.inc()
    log.warning("break_glass_sign_in", user=user.username, address=address)
    facts = {"event": "break_glass_sign_in", "user": user.username, "address": address, "at": alarm.at.isoformat()}
    transaction.on_commit(lambda: send_alarm(facts))
    return alarm


@transaction.atomic
def acknowledge_alarm(*, actor: User, alarm_id: int) -> None:
    """Raises ChatappError: forbidden, not_found. Acknowledged once, by whoever was first."""
    require(actor, "accounts.manage_sign_in")
    alarm = BreakGlassAlarm.objects.select_for_update(of=("self",)).filter(pk=alarm_id).first()
    if alarm is None:
        raise ChatappError("not_found")
    if alarm.acknowledged_at is None:
        alarm.acknowledged_by, alarm.acknowledged_at = actor, timezone.now()
        alarm.save(update_fields=["acknowledged_by", "acknowledged_at"])
        record_event(actor=actor, action="session.break_glass_acknowledged", obj=alarm)


def _require(actor: User | None, reason: str) -> None:
    """Without an actor it is the server's shell, which may do this anyway."""
    if actor is None:
        return
    require(actor, "accounts.manage_sign_in")
    if not reason:
        raise ChatappError("invalid", detail="say why: the reason is kept in the audit log.")
