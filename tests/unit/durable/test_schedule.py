"""The schedule names tasks that exist, and its messages expire."""

import pytest

import webapp.durable.tasks
import webapp.usage.tasks  # noqa: F401 - registers the tasks
from webapp.config.celery import app
from webapp.durable.schedule import BEAT_SCHEDULE as DURABLE
from webapp.usage.schedule import BEAT_SCHEDULE as USAGE


@pytest.mark.parametrize("entry", [*DURABLE.values(), *USAGE.values()], ids=lambda entry: str(entry["task"]))
def test_scheduled_task_exists_and_expires(entry: dict[str, object]) -> None:
    assert entry["task"] in app.tasks
    options = entry["options"]
    assert isinstance(options, dict)
    assert options["expires"] <= entry["schedule"]
