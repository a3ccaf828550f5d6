"""Who did what. The table only grows: the database itself refuses to change, delete or truncate it.

Django does not manage it (its migrations are explicit SQL), so that ``flush`` leaves it alone; and it refers to people
and objects by plain ids, because they go away and the record stays.
"""

from django.db import models
from django.db.models.functions import Now


class AuditEvent(models.Model):
    """One thing that happened."""

    created_at = models.DateTimeField(db_default=Now())
    action = models.CharField(max_length=64)
    actor_id = models.BigIntegerField(null=True)
    object_type = models.CharField(max_length=64, blank=True, default="")
    object_id = models.CharField(max_length=64, blank=True, default="")
    detail = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(null=True)

    class Meta:
        managed = False
        db_table = "audit_event"
        ordering = ["-id"]
