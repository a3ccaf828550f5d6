"""What the scheduler runs for this room, as data for ``CELERY_BEAT_SCHEDULE``."""

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "knowledge-fold-statistics": {
        "task": "knowledge.fold_statistics",
        "schedule": 60.0,
        "options": {"queue": "default", "expires": 60},
    },
}
