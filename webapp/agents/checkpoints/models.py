"""The rows behind a LangGraph checkpoint saver.

``thread_id`` is LangGraph's word; here it is the id of a Run. Values are LangGraph's typed serialisation (msgpack or
JSON, never pickle). Ids are compared byte by byte (collation "C"), as LangGraph compares them.
"""

from django.db import models


class FencedRow(models.Model):
    """Written under a lease: the database refuses a row with an older fence. Without a lease all three are empty."""

    lease_kind = models.CharField(max_length=32, null=True, editable=False)  # noqa: DJ001 - empty means "no lease"
    lease_subject = models.UUIDField(null=True, editable=False)
    fence = models.BigIntegerField(null=True, editable=False)

    class Meta:
        abstract = True


class Checkpoint(FencedRow):
    """The state after one step, without the channels' values."""

    thread_id = models.CharField(max_length=64, db_collation="C")
    namespace = models.CharField(max_length=500, blank=True, default="", db_collation="C")
    checkpoint_id = models.CharField(max_length=64, db_collation="C")
    parent_id = models.CharField(max_length=64, blank=True, default="", db_collation="C")
    payload_type = models.CharField(max_length=16)
    payload = models.BinaryField()
    metadata = models.JSONField(default=dict)
    schema_version = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["thread_id", "namespace", "checkpoint_id"], name="agents_checkpoint_once"),
        ]
        indexes = [
            models.Index(models.F("metadata__run_id"), name="agents_checkpoint_run"),
        ]


class CheckpointBlob(FencedRow):
    """The value of one channel at one version."""

    thread_id = models.CharField(max_length=64, db_collation="C")
    namespace = models.CharField(max_length=500, blank=True, default="", db_collation="C")
    channel = models.CharField(max_length=200, db_collation="C")
    version = models.CharField(max_length=64, db_collation="C")
    value_type = models.CharField(max_length=16)
    value = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["thread_id", "namespace", "channel", "version"], name="agents_blob_once"),
        ]


class CheckpointWrite(FencedRow):
    """What a task wrote after a checkpoint, before the next one."""

    thread_id = models.CharField(max_length=64, db_collation="C")
    namespace = models.CharField(max_length=500, blank=True, default="", db_collation="C")
    checkpoint_id = models.CharField(max_length=64, db_collation="C")
    task_id = models.CharField(max_length=64, db_collation="C")
    task_path = models.CharField(max_length=500, blank=True, default="", db_collation="C")
    idx = models.IntegerField()
    channel = models.CharField(max_length=200, db_collation="C")
    value_type = models.CharField(max_length=16)
    value = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["thread_id", "namespace", "checkpoint_id", "task_id", "idx"], name="agents_write_once"
            ),
        ]
