"""Messages of older and newer code, side by side at a deploy."""

from typing import Any

import pytest

from chatapp.celery import app
from chatapp.conversations import tasks
from chatapp.inference.models import Task

app.loader.import_default_modules()  # So that the tasks of every app are tried below.
GENERATION = "0b51a1c0-0000-4000-8000-000000000001"


class Noting:
    """Stands where the worker would."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        self.calls.append((*args, *kwargs.values()))

    def answer_all(self) -> None:
        self.calls.append(())


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> Noting:
    noting = Noting()
    monkeypatch.setattr("chatapp.conversations.workers.inference.current_worker", lambda: noting)
    monkeypatch.setattr("chatapp.conversations.workers.side_work.do_side_work", noting)
    return noting


@pytest.mark.parametrize(
    "args, kwargs",
    [
        ((), {}),  # as the code before versions sent it
        ((), {"v": 1}),
        ((), {"v": 1, "route": "default"}),  # with what later code may add
        (("default",), {}),
    ],
)
def test_a_wake_up_of_any_age_wakes(noting: Noting, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    tasks.answer_queued.apply(args, kwargs, throw=True)
    assert noting.calls == [()]


@pytest.mark.parametrize(
    "args, kwargs, tries",
    [
        (("title", GENERATION, 3), {}, 3),
        (("title", GENERATION), {}, 0),
        (("title", GENERATION, 3, "more"), {"v": 1, "later": True}, 3),
        ((), {"task": "title", "generation_id": GENERATION, "tries": 3}, 3),
    ],
)
def test_side_work_of_any_age_is_done(
    noting: Noting, args: tuple[Any, ...], kwargs: dict[str, Any], tries: int
) -> None:
    tasks.do_side_work.apply(args, kwargs, throw=True)
    assert [(call[1], str(call[2]), call[3]) for call in noting.calls] == [(Task.TITLE, GENERATION, tries)]


@pytest.mark.parametrize("name", sorted(name for name in app.tasks if name.startswith("chatapp.")))
def test_a_newer_payload_is_left_for_newer_workers(noting: Noting, name: str) -> None:
    app.tasks[name].apply((), {"v": 2, "unheard": "of"}, throw=True)
    assert noting.calls == []
