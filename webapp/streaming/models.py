"""The log of a run: what happened, in order. Its head row hands out the numbers, one writer at a time."""

from django.db import models
from django.db.models.functions import Now


class RunLog(models.Model):
    """The head of a run's log. ``final_seq`` is set by the event that ends it."""

    run_id = models.UUIDField(primary_key=True)
    last_seq = models.PositiveIntegerField()
    final_seq = models.PositiveIntegerField(null=True)


class RunEvent(models.Model):
    """One event. Written under a lease it carries the fence, and the database refuses an old one."""

    run_id = models.UUIDField()
    seq = models.PositiveIntegerField()
    attempt = models.PositiveIntegerField()
    fence = models.BigIntegerField(null=True)
    type = models.CharField(max_length=64)
    data = models.JSONField()
    schema_version = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run_id", "seq"], name="streaming_event_seq")]
