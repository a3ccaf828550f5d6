"""The lease table. Its rows change only through ``leases.py`` and ``sweep.py``, on the database's clock."""

from django.db import models
from django.db.models.functions import Now


class LeaseState(models.TextChoices):
    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"


class Lease(models.Model):
    """The right to work on one subject. At most one owner holds it; every acquisition draws a higher fence."""

    kind = models.CharField(max_length=64)
    subject_id = models.UUIDField()
    state = models.CharField(max_length=8, choices=LeaseState.choices, default=LeaseState.QUEUED)
    owner = models.CharField(max_length=200, blank=True, default="")
    fence = models.BigIntegerField(default=0)
    # How often it was acquired: the number people see. Never goes back.
    attempt = models.PositiveIntegerField(default=0)
    # How many of these count towards the limit. Starts again when finished work is enqueued again.
    attempts = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)
    available_at = models.DateTimeField(db_default=Now())
    # When a wake-up was last sent; empty when none is on its way.
    woken_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "subject_id"], name="durable_lease_one_per_subject")]
        indexes = [
            models.Index(fields=["available_at"], name="durable_lease_queued", condition=models.Q(state="queued")),
            models.Index(fields=["expires_at"], name="durable_lease_leased", condition=models.Q(state="leased")),
        ]
