"""The Celery application. Redis carries wake-ups only: what has to happen is a lease row in PostgreSQL."""

from celery import Celery

from webapp.config import boot

boot.select_settings()

app = Celery("appliance")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
