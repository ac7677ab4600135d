"""Audit events in the shape of the Open Cybersecurity Schema Framework (OCSF 1.3), which log systems read."""

from typing import Any

from chatapp.accounts.models import AuditEvent, Outcome

VERSION = "1.3.0"
_AUTHENTICATION = (3002, "Authentication", 3, "Identity & Access Management")
_ACCOUNT_CHANGE = (3001, "Account Change", 3, "Identity & Access Management")
_ACCESS_MANAGEMENT = (3005, "User Access Management", 3, "Identity & Access Management")
_ENTITY_MANAGEMENT = (3004, "Entity Management", 3, "Identity & Access Management")
_API_ACTIVITY = (6003, "API Activity", 6, "Application Activity")
_OTHER = (99, "Other")
# By the area of an action, which is what stands before the dot.
_CLASSES = {
    "access": _API_ACTIVITY,
    "audit": _API_ACTIVITY,
    "group": _ACCESS_MANAGEMENT,
    "role": _ACCESS_MANAGEMENT,
    "session": _AUTHENTICATION,
    "user": _ACCOUNT_CHANGE,
}
_SESSIONS = {
    "login": (1, "Logon"),
    "login_failed": (1, "Logon"),
    "sso_failed": (1, "Logon"),
    "logout": (2, "Logoff"),
    "ended": (2, "Logoff"),
}
_ACCOUNTS = {
    "created": (1, "Create"),
    "created_by_sso": (1, "Create"),
    "enabled": (2, "Enable"),
    "password_set": (4, "Password Reset"),
    "disabled": (5, "Disable"),
    "deleted": (6, "Delete"),
}
_CREATES = ("created", "registered", "uploaded", "added", "requested", "claimed")
_READS = ("read", "read_by_grant", "exported", "opened", "viewed", "denied", "denied_too_often")
_DELETES = ("deleted", "removed", "revoked", "erased")


def to_ocsf(event: AuditEvent) -> dict[str, Any]:
    """All that the event holds; what OCSF has no place for is in `unmapped`."""
    class_uid, class_name, category_uid, category_name = _class_of(event)
    activity_id, activity_name = _activity_of(event, class_uid)
    user = {"uid": str(event.actor_id or ""), "name": event.actor_name}
    shaped: dict[str, Any] = {
        "activity_id": activity_id,
        "activity_name": activity_name,
        "actor": {"user": user, **_session(event)},
        "category_name": category_name,
        "category_uid": category_uid,
        "class_name": class_name,
        "class_uid": class_uid,
        "http_request": {"uid": event.origin.get("request", ""), "user_agent": event.origin.get("agent", "")},
        "message": event.reason or event.action,
        "metadata": {
            "event_code": event.action,
            "product": {"name": "Chatapp", "vendor_name": "Chatapp"},
            "sequence": event.number,
            "uid": str(event.id),
            "version": VERSION,
        },
        "severity": "Informational" if event.outcome == Outcome.SUCCESS else "Low",
        "severity_id": 1 if event.outcome == Outcome.SUCCESS else 2,
        "src_endpoint": {"ip": event.address, "svc_name": event.origin.get("process", "")},
        "status": "Success" if event.outcome == Outcome.SUCCESS else "Failure",
        "status_id": 1 if event.outcome == Outcome.SUCCESS else 2,
        "time": int(event.at.timestamp() * 1000),
        "type_name": f"{class_name}: {activity_name}",
        "type_uid": class_uid * 100 + activity_id,
        "unmapped": {
            "after": event.after,
            "before": event.before,
            "detail": event.detail,
            "hash": event.hash,
            "origin": event.origin,
            "outcome": event.outcome,
            "previous_hash": event.previous_hash,
        },
    }
    return shaped | _about(event, class_uid, user)


def _class_of(event: AuditEvent) -> tuple[int, str, int, str]:
    area, _, verb = event.action.partition(".")
    if area == "user" and ("role" in verb or "group" in verb):
        return _ACCESS_MANAGEMENT
    return _CLASSES.get(area, _ENTITY_MANAGEMENT)


def _activity_of(event: AuditEvent, class_uid: int) -> tuple[int, str]:
    verb = event.action.partition(".")[2]
    if class_uid == _AUTHENTICATION[0]:
        return _SESSIONS.get(verb, _OTHER)
    if class_uid == _ACCOUNT_CHANGE[0]:
        return _ACCOUNTS.get(verb, _OTHER)
    if class_uid == _ACCESS_MANAGEMENT[0]:
        return (2, "Revoke Privileges") if verb.endswith(_DELETES) else (1, "Assign Privileges")
    for number, name, verbs in ((1, "Create", _CREATES), (2, "Read", _READS), (4, "Delete", _DELETES)):
        if verb.endswith(verbs):
            return number, name
    return 3, "Update"


def _about(event: AuditEvent, class_uid: int, actor: dict[str, str]) -> dict[str, Any]:
    """What the class asks for: the user, the entity or the operation and its resources."""
    thing = {"type": event.object_type, "uid": event.object_id}
    if class_uid == _ENTITY_MANAGEMENT[0]:
        return {"entity": thing}
    if class_uid == _API_ACTIVITY[0]:
        return {"api": {"operation": event.detail.get("route", event.action)}, "resources": [thing]}
    is_about_somebody = event.object_type == "accounts.User"
    about = {"user": {"uid": event.object_id} if is_about_somebody else actor}
    return about | ({"privileges": [event.action]} if class_uid == _ACCESS_MANAGEMENT[0] else {})


def _session(event: AuditEvent) -> dict[str, Any]:
    session = event.origin.get("session")
    return {"session": {"uid": session}} if session else {}
