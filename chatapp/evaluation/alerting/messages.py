"""What is said of an alert: to people in words, to programs as JSON. Never text of anybody's messages."""

from typing import Any

from chatapp.evaluation.models import Alert, AlertDelivery, AlertKind, AlertMetric, DeliveryEvent

# What to do first; docs/operations.md tells more.
FIRST_STEPS: dict[str, str] = {
    AlertMetric.ERRORS: "Look at Workers: is one gone, or a version broken there? Then at the provider of an external "
    "version. A rollout that runs on the route can be rolled back on its page.",
    AlertMetric.EMPTY: "Ask the version a question yourself. Its token limit, chat template or stop texts are the "
    "usual reasons; a version that served before can be served again on Models.",
    AlertMetric.REFUSALS: "Look at what was asked lately, in Feedback and Flags. A changed system prompt or policy, or "
    "documents that are no longer found, are the usual reasons.",
    AlertMetric.FLAGS: "Open Flags and see which check flags: a new policy version that flags too much goes back with "
    "one click, an attack is a matter for reviewers.",
    AlertMetric.FIRST_TOKEN: "Look at Workers: are all slots busy, is memory short, does one load a model? Then at the "
    "queue, and at who asks so much.",
    AlertMetric.THUMBS_DOWN: "Open Feedback and read the newest reasons.",
    AlertMetric.SUPPORT: "Look whether documents or the embedding index were changed, then ask some golden questions.",
    AlertMetric.SPEED: "Look at Workers: GPU or CPU, memory, and what else runs on the machine.",
}
_SECONDS, _RATE = {AlertMetric.FIRST_TOKEN}, {AlertMetric.SPEED}


def describe(alert: Alert) -> str:
    """One sentence."""
    return f"{label_of(alert)}, {situation_of(alert)}"


def label_of(alert: Alert) -> str:
    """What the figures of this alert count; a spike of the time to first token counts answers, too."""
    if alert.metric == AlertMetric.FIRST_TOKEN and alert.kind == AlertKind.SPIKE:
        return "Late first words"
    return str(AlertMetric(alert.metric).label)


def situation_of(alert: Alert) -> str:
    """`describe` without the label: where, the figure, its band, and what is usual."""
    where = f"{alert.version.name} on the route {alert.route}" if alert.version else f"the route {alert.route}"
    value, usual = figure(alert, alert.value), figure(alert, alert.baseline)
    band = figure(alert, alert.high if alert.high is not None else alert.low or 0.0)
    side = "above" if alert.high is not None else "below"
    when = "in the last minutes" if alert.kind == AlertKind.SPIKE else "in the last week"
    people = f"{alert.answers} answers of {alert.users} people"
    return f"{where}: {value} {when} ({people}), {side} {band}; usual is {usual}."


def figure(alert: Alert, value: float) -> str:
    return figure_of(alert.metric, alert.kind, value)


def figure_of(metric: str, kind: str, value: float) -> str:
    """A share in percent, seconds, or tokens a second."""
    if kind == AlertKind.DRIFT and metric in _SECONDS:
        return f"{value:z.2f} s"
    if metric in _RATE:
        return f"{value:z.1f} tokens/s"
    return f"{100 * value:z.1f} %"


def subject_of(delivery: AlertDelivery) -> str:
    if delivery.alert is None:
        return "Chatapp: test of alerts"
    word = "over" if delivery.event == DeliveryEvent.CLOSED else "alert"
    return f"Chatapp {word}: {AlertMetric(delivery.alert.metric).label} on {delivery.alert.route}"


def body_of(delivery: AlertDelivery) -> str:
    if delivery.alert is None:
        return "This is a test. Alerts of Chatapp will come here."
    sentence = describe(delivery.alert)
    if delivery.event == DeliveryEvent.CLOSED:
        return f"This is back to what is usual.\n\n{sentence}"
    return f"{sentence}\n\n{FIRST_STEPS[delivery.alert.metric]}\n\nMore is under Alerts in the console."


def payload_of(delivery: AlertDelivery) -> dict[str, Any]:
    """Documented in docs/operations.md; fields may be added."""
    told: dict[str, Any] = {
        "type": f"alert.{delivery.event}",
        "id": str(delivery.id),
        "timestamp": delivery.created_at.isoformat(),
        "data": None,
    }
    alert = delivery.alert
    if alert is not None:
        told["data"] = {
            "id": str(alert.id),
            "kind": alert.kind,
            "metric": alert.metric,
            "route": alert.route,
            "version": alert.version.name if alert.version else None,
            "value": alert.value,
            "baseline": alert.baseline,
            "low": alert.low,
            "high": alert.high,
            "answers": alert.answers,
            "users": alert.users,
            "opened_at": alert.opened_at.isoformat(),
            "closed_at": alert.closed_at.isoformat() if alert.closed_at else None,
            "text": describe(alert),
        }
    return told
