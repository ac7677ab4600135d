"""Reads of models and routes; each takes the user whose rights count, but those that callers of any kind need."""

from chatapp.inference.selectors.rollouts import get_rollout_for, list_rollouts_for
from chatapp.inference.selectors.routes import (
    get_route_for,
    is_route_name,
    list_choices,
    list_routes_for,
    load_asked_route,
    load_route,
    may_leave_company,
    serving_version,
)
from chatapp.inference.selectors.versions import (
    get_moderation_version,
    get_version_by_name,
    get_version_for,
    is_version_name,
    list_chat_versions,
    list_external_names,
    list_versions_for,
)
from chatapp.inference.selectors.workers import (
    WORKER_ALIVE,
    has_ready_worker,
    list_served_versions,
    list_workers_for,
    live_workers,
)

__all__ = [
    "WORKER_ALIVE",
    "get_moderation_version",
    "get_rollout_for",
    "get_route_for",
    "get_version_by_name",
    "get_version_for",
    "has_ready_worker",
    "is_route_name",
    "is_version_name",
    "list_chat_versions",
    "list_choices",
    "list_external_names",
    "list_rollouts_for",
    "list_routes_for",
    "list_served_versions",
    "list_versions_for",
    "list_workers_for",
    "live_workers",
    "load_asked_route",
    "load_route",
    "may_leave_company",
    "serving_version",
]
