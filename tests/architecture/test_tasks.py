"""Every Celery task names its queue and its expiry, and so does every beat entry."""

from typing import Any

import pytest

from chatapp.celery import app

app.loader.import_default_modules()
OWN = sorted(name for name in app.tasks if name.startswith("chatapp."))


def test_no_route_names_a_task_that_is_gone() -> None:
    assert sorted(app.conf.task_routes) == OWN


def test_there_are_tasks() -> None:
    assert len(OWN) >= 4


@pytest.mark.parametrize("name", OWN)
def test_task_names_queue_and_expiry(name: str) -> None:
    task: Any = app.tasks[name]
    assert app.conf.task_routes[name]["queue"] in {"inference", "pipeline", "lookup"}
    assert task.expires


@pytest.mark.parametrize("entry", app.conf.beat_schedule.values(), ids=list(app.conf.beat_schedule))
def test_beat_entry_is_a_known_task_that_expires(entry: dict[str, Any]) -> None:
    assert entry["task"] in OWN
    assert entry["options"]["expires"]
