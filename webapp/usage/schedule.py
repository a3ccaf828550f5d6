"""What the scheduler runs for this room, as data for ``CELERY_BEAT_SCHEDULE``."""

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "usage-abandon-stale": {
        "task": "usage.abandon_stale",
        "schedule": 300.0,
        "options": {"queue": "default", "expires": 300},
    },
}
