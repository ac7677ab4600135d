"""Tells the database which versions a worker cannot answer with, and learns from it what to try again."""

from chatapp.inference.health import list_problems_of
from chatapp.inference.models import ModelVersion
from chatapp.inference.pool.engine_pool import EnginePool
from chatapp.inference.services import clear_problem, report_problem


class ProblemReports:
    def __init__(self, pool: EnginePool, *, worker: str) -> None:
        self._pool = pool
        self._worker = worker
        self._told: dict[ModelVersion, str] = {}

    def sync(self) -> None:
        """What was told and is no longer there was taken away by an operator, who wants the version tried again."""
        stored = list_problems_of(self._worker)
        for version in [version for version in self._told if version.id not in stored]:
            del self._told[version]
            self._pool.forgive(version)
        problems = self._pool.problems()
        for version, reason in problems.items():
            if self._told.get(version) != reason:
                report_problem(version=version, worker=self._worker, reason=reason)
                self._told[version] = reason
        for version in self._told.keys() - problems.keys():
            del self._told[version]
            clear_problem(version=version, worker=self._worker)
