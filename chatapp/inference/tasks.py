"""Celery's side: load by id, call one service."""

from uuid import UUID

from chatapp.celery import app
from chatapp.inference.budgets.services import mail_notices, note_reached
from chatapp.inference.services.download_runs import sweep_downloads
from chatapp.inference.services.judging import judge_rollouts as judge
from chatapp.inference.services.storage import purge_partials, remove_weights_for
from chatapp.inference.services.verification import read_missing_facts, run_download
from chatapp.inference.services.workers import fail_orders
from chatapp.inference.usage import services as usage


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


@app.task(expires=55)
def watch_budgets() -> None:
    note_reached()
    mail_notices()


@app.task(expires=600)
def sum_usage() -> None:
    usage.sum_days()


@app.task(expires=5)
def judge_rollouts() -> None:
    judge()


@app.task(expires=10, ignore_result=False)
def remove_stored_weights(user_id: str, hashes: list[str]) -> list[str]:
    """For whoever waits, with the rights that the user has now: which of them went."""
    return [weights.sha256 for weights in remove_weights_for(user_id=UUID(user_id), hashes=hashes)]
