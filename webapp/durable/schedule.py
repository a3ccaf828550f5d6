"""What the scheduler runs for this room, as data for ``CELERY_BEAT_SCHEDULE``."""

from typing import Any

SWEEP_SECONDS = 2.0

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "durable-sweep": {
        "task": "durable.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"queue": "default", "expires": SWEEP_SECONDS},
    },
}
