"""Model versions, where they answer, what came of it, and the workers that compute them."""

from chatapp.inference.models.budgets import (
    Budget,
    BudgetAudience,
    BudgetLevel,
    BudgetNotice,
    BudgetPeriod,
    BudgetSubject,
    BudgetUnit,
)
from chatapp.inference.models.downloads import OPEN_DOWNLOADS, Download, DownloadState, SourceSecret
from chatapp.inference.models.outcomes import AnswerOutcome, Arm, SideWork
from chatapp.inference.models.rollouts import (
    LIVE_ROLLOUT,
    PilotMember,
    Rollout,
    RolloutAction,
    RolloutKind,
    RolloutState,
    RolloutStep,
)
from chatapp.inference.models.routes import Route, RouteArm, RouteFallback, RouteRule, Task
from chatapp.inference.models.shadows import ShadowOutcome, ShadowState
from chatapp.inference.models.usage import DailySpeed, DailyUse, SummedDay
from chatapp.inference.models.versions import (
    PAST_GATE,
    WITHDRAWN,
    Endpoint,
    ModelVersion,
    Provider,
    VersionChange,
    VersionProblem,
    VersionState,
)
from chatapp.inference.models.workers import OPEN_ORDER, OrderKind, OrderState, Worker, WorkerKind, WorkerOrder

__all__ = [
    "LIVE_ROLLOUT",
    "OPEN_DOWNLOADS",
    "OPEN_ORDER",
    "PAST_GATE",
    "WITHDRAWN",
    "AnswerOutcome",
    "Arm",
    "Budget",
    "BudgetAudience",
    "BudgetLevel",
    "BudgetNotice",
    "BudgetPeriod",
    "BudgetSubject",
    "BudgetUnit",
    "DailySpeed",
    "DailyUse",
    "Download",
    "DownloadState",
    "Endpoint",
    "ModelVersion",
    "OrderKind",
    "OrderState",
    "PilotMember",
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
    "ShadowOutcome",
    "ShadowState",
    "SideWork",
    "SourceSecret",
    "SummedDay",
    "Task",
    "VersionChange",
    "VersionProblem",
    "VersionState",
    "Worker",
    "WorkerKind",
    "WorkerOrder",
]
