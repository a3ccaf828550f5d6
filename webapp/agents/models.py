"""Conversations and what was run in them. State inside a run is LangGraph's, in ``checkpoints``."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from webapp.agents.checkpoints.models import Checkpoint, CheckpointBlob, CheckpointWrite

__all__ = ["Checkpoint", "CheckpointBlob", "CheckpointWrite", "Citation", "Run", "Thread"]


class Thread(models.Model):
    """A conversation of one person."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="threads")
    title = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-updated_at"], name="agents_thread_recent")]


class Run(models.Model):
    """One question and its answer: the unit of execution. Only the holder of its lease moves it on.

    ``fence`` is the token of the lease under which the row was last written; the database refuses an older one.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        WAITING = "waiting"
        FINISHED = "finished"
        FAILED = "failed"
        CANCELLED = "cancelled"

    FINAL = (Status.FINISHED, Status.FAILED, Status.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="runs")
    question = models.TextField()
    collection_ids = ArrayField(models.UUIDField(), null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    fence = models.BigIntegerField(null=True, editable=False)
    model_name = models.CharField(max_length=200, blank=True, default="")
    # The fallback model writes this answer, because the model that was asked could not.
    model_is_fallback = models.BooleanField(default=False, db_default=False)
    prompt_version_id = models.BigIntegerField(null=True, blank=True)
    prompt_version = models.CharField(max_length=120, blank=True, default="")
    answer = models.TextField(blank=True, default="")
    input_tokens = models.PositiveIntegerField(null=True, blank=True)
    output_tokens = models.PositiveIntegerField(null=True, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=64, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    # The attempt whose draft is on the screen; empty when none is. A later attempt voids it before it writes.
    draft_attempt = models.PositiveIntegerField(null=True, blank=True)
    restart_reason = models.CharField(max_length=200, blank=True, default="")
    waiting_since = models.DateTimeField(null=True, blank=True)
    waits = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["thread", "created_at"], name="agents_run_order")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["queued", "running", "waiting", "finished", "failed", "cancelled"]),
                name="agents_run_status_known",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["queued", "running", "waiting"], finished_at__isnull=True)
                | models.Q(status__in=["finished", "failed", "cancelled"], finished_at__isnull=False),
                name="agents_run_finished_has_time",
            ),
        ]


class Citation(models.Model):
    """Source ``n`` of an answer: which characters of which document. Its text is read from the document when shown."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="citations")
    n = models.PositiveSmallIntegerField()
    chunk_id = models.BigIntegerField()
    document_id = models.UUIDField()
    title = models.CharField(max_length=500)
    char_start = models.PositiveIntegerField()
    char_end = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "n"], name="agents_citation_once"),
            models.CheckConstraint(
                condition=models.Q(char_start__lte=models.F("char_end")), name="agents_citation_span"
            ),
        ]
