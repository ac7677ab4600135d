"""Model versions, where they answer, what came of it, and the workers that compute them."""

from chatapp.inference.models.outcomes import AnswerOutcome, Arm, SideWork
from chatapp.inference.models.rollouts import (
    LIVE_ROLLOUT,
    Rollout,
    RolloutAction,
    RolloutKind,
    RolloutState,
    RolloutStep,
)
from chatapp.inference.models.routes import Route, RouteArm, RouteFallback, RouteRule, Task
from chatapp.inference.models.versions import (
    Endpoint,
    ModelVersion,
    Provider,
    VersionChange,
    VersionProblem,
    VersionState,
)
from chatapp.inference.models.workers import Worker, WorkerKind

__all__ = [
    "LIVE_ROLLOUT",
    "AnswerOutcome",
    "Arm",
    "Endpoint",
    "ModelVersion",
    "Provider",
    "Rollout",
    "RolloutAction",
    "RolloutKind",
    "RolloutState",
    "RolloutStep",
    "Route",
    "RouteArm",
    "RouteFallback",
    "RouteRule",
    "SideWork",
    "Task",
    "VersionChange",
    "VersionProblem",
    "VersionState",
    "Worker",
    "WorkerKind",
]
