"""Celery's side: load by id, call one service."""

from uuid import UUID

from chatapp.celery import app
from chatapp.inference.services.download_runs import sweep_downloads
from chatapp.inference.services.judging import judge_rollouts as judge
from chatapp.inference.services.storage import purge_partials
from chatapp.inference.services.verification import read_missing_facts, run_download
from chatapp.inference.services.workers import fail_orders


@app.task(expires=3600)
def fetch_weights(download_id: str) -> None:
    """One slice; the next message is the next slice, so that other work comes between."""
    if run_download(download_id=UUID(download_id)):
        fetch_weights.delay(download_id)


@app.task(expires=20)
def tend_downloads() -> None:
    for download_id in sweep_downloads():
        fetch_weights.apply_async((str(download_id),), expires=15)
    read_missing_facts()
    purge_partials()


@app.task(expires=5)
def sweep_orders() -> None:
    fail_orders()


@app.task(expires=5)
def judge_rollouts() -> None:
    judge()
