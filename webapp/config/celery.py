"""The Celery application. Redis carries wake-ups only: what has to happen is a lease row in PostgreSQL."""

from celery import Celery

from webapp.config import boot

boot.select_settings()

from webapp.durable.schedule import BEAT_SCHEDULE as DURABLE  # noqa: E402 - Django must see its settings first
from webapp.hardware.schedule import BEAT_SCHEDULE as HARDWARE  # noqa: E402
from webapp.knowledge.schedule import BEAT_SCHEDULE as KNOWLEDGE  # noqa: E402
from webapp.usage.schedule import BEAT_SCHEDULE as USAGE  # noqa: E402

app = Celery("appliance")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = {**DURABLE, **USAGE, **HARDWARE, **KNOWLEDGE}
app.autodiscover_tasks()
