"""What the scheduler runs for this room, as data for ``CELERY_BEAT_SCHEDULE``."""

from typing import Any

from webapp.hardware.types import COLLECT_SECONDS

MAINTAIN_SECONDS = 300.0

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "hardware-collect": {
        "task": "hardware.collect",
        "schedule": COLLECT_SECONDS,
        "options": {"queue": "default", "expires": COLLECT_SECONDS},
    },
    "hardware-maintain": {
        "task": "hardware.maintain",
        "schedule": MAINTAIN_SECONDS,
        "options": {"queue": "default", "expires": MAINTAIN_SECONDS},
    },
}
