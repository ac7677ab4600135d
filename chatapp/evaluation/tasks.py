"""Celery's side: load by id, call one function. Postgres holds the work; beat brings each next step."""

from uuid import UUID

from chatapp.celery import app
from chatapp.evaluation import services
from chatapp.retrieval.low_priority import run_aside


@app.task(expires=5)
def sweep_gates() -> None:
    for run_id in services.sweep_gates():
        measure_gate.apply_async((str(run_id),), expires=5)


@app.task(expires=5)
def prepare_comparisons() -> None:
    """One slice of each that waits for answers; beat brings the next."""
    run_aside(services.prepare_comparisons)


@app.task(expires=5)
def measure_gate(run_id: str) -> None:
    """On a worker with models: what a judge says, and the load test."""
    from chatapp.conversations.workers.inference import current_worker
    from chatapp.evaluation.workers.gates import measure_on

    measure_on(current_worker(), UUID(run_id))


@app.task(expires=30)
def watch_answers() -> None:
    services.watch_answers()


@app.task(expires=10)
def deliver_alerts() -> None:
    services.deliver_alerts()


@app.task(expires=600)
def watch_weeks() -> None:
    services.watch_weeks()
