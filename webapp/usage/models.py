"""Every call of a model, also those that failed or were given up, and what a model's tokens cost."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Price(models.Model):
    """What a million tokens of a model cost. A model without a row costs nothing."""

    model = models.CharField(max_length=200, unique=True)
    input_per_million = models.DecimalField(max_digits=12, decimal_places=4, default=Decimal(0))
    output_per_million = models.DecimalField(max_digits=12, decimal_places=4, default=Decimal(0))
    currency = models.CharField(max_length=3, default="GBP")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(input_per_million__gte=0, output_per_million__gte=0), name="usage_price_not_negative"
            )
        ]


class Call(models.Model):
    """One call of a model. Token counts are the engine's own, and empty when it gave none."""

    class Status(models.TextChoices):
        STARTED = "started"
        OK = "ok"
        FAILED = "failed"
        CANCELLED = "cancelled"

    kind = models.CharField(max_length=16)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.STARTED)
    model = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    run_id = models.UUIDField(null=True)
    attempt = models.PositiveIntegerField(default=1)
    prompt_version_id = models.BigIntegerField(null=True)
    purpose = models.CharField(max_length=64, blank=True, default="")
    input_tokens = models.PositiveIntegerField(null=True)
    output_tokens = models.PositiveIntegerField(null=True)
    cost = models.DecimalField(max_digits=14, decimal_places=6, default=Decimal(0))
    currency = models.CharField(max_length=3, default="GBP")
    started_at = models.DateTimeField(db_default=Now())
    first_token_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        indexes = [
            models.Index(fields=["run_id", "attempt"], name="usage_call_run"),
            models.Index(fields=["started_at"], name="usage_call_started_at"),
            models.Index(fields=["started_at"], name="usage_call_open", condition=models.Q(status="started")),
        ]
