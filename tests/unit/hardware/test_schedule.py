"""What the scheduler does for readings."""

import pytest

from webapp.config.celery import app
from webapp.console.ranges import RANGES
from webapp.hardware.types import COLLECT_SECONDS, STALE_SECONDS


@pytest.mark.parametrize(
    ("entry", "task", "seconds"),
    [("hardware-collect", "hardware.collect", 15.0), ("hardware-maintain", "hardware.maintain", 300.0)],
)
def test_entry_wakes_a_known_task_and_expires_before_the_next(entry: str, task: str, seconds: float) -> None:
    app.loader.import_default_modules()
    scheduled = app.conf.beat_schedule[entry]
    assert (scheduled["task"], scheduled["schedule"]) == (task, seconds)
    assert scheduled["options"] == {"queue": "default", "expires": seconds}
    assert task in app.tasks


def test_page_renews_itself_before_readings_get_old() -> None:
    assert COLLECT_SECONDS < STALE_SECONDS
    assert all(each.refresh_seconds < STALE_SECONDS for each in RANGES.values())
