"""Readings of GPU hosts. Samples are partitioned by day and rollups by month: what is too old is dropped whole.

The four partitioned tables are made by SQL in the migration; Django only reads and writes them.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Host(models.Model):
    """One ``engine-proxy``, by its address, and how collecting from it went last."""

    base_url = models.CharField(max_length=500, unique=True)
    name = models.CharField(max_length=200, blank=True, default="")
    active = models.BooleanField(default=True, help_text="a model is registered at this address")
    source = models.CharField(max_length=16, blank=True, default="")
    driver_version = models.CharField(max_length=100, blank=True, default="")
    problem = models.CharField(max_length=1000, blank=True, default="")
    gpu_problem = models.CharField(max_length=500, blank=True, default="")
    engine_problem = models.CharField(max_length=500, blank=True, default="")
    last_attempt_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True, help_text="of the newest reading, by the host's clock")
    received_at = models.DateTimeField(null=True, help_text="of the newest reading, by ours")
    clock_difference_seconds = models.FloatField(null=True)


class Gpu(models.Model):
    """One card in one host. Its uuid is its identity: an index can change when a card is replaced."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="gpus")
    uuid = models.CharField(max_length=100)
    index = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    last_seen_at = models.DateTimeField(help_text="by the host's clock")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "uuid"], name="hardware_gpu_uuid")]


class Engine(models.Model):
    """One engine behind one proxy: the main one is called ``model``, a further one by its name in appliance.yaml."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="engines")
    name = models.CharField(max_length=64, help_text="model for the main one, else the further model's")
    purpose = models.CharField(max_length=16, default="generation")
    problem = models.CharField(max_length=500, blank=True, default="")
    last_seen_at = models.DateTimeField(help_text="by the host's clock")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "name"], name="hardware_engine_name")]


class GpuSample(models.Model):
    """One reading of one GPU."""

    pk = models.CompositePrimaryKey("gpu_id", "taken_at")
    gpu = models.ForeignKey(Gpu, on_delete=models.CASCADE, related_name="samples")
    taken_at = models.DateTimeField()
    received_at = models.DateTimeField()
    memory_total_bytes = models.BigIntegerField(null=True)
    memory_used_bytes = models.BigIntegerField(null=True)
    utilization_percent = models.FloatField(null=True)
    memory_bandwidth_percent = models.FloatField(null=True)
    power_watts = models.FloatField(null=True)
    power_limit_watts = models.FloatField(null=True)
    energy_joules = models.FloatField(null=True)
    temperature_celsius = models.FloatField(null=True)
    slowdown_celsius = models.FloatField(null=True)
    sm_clock_mhz = models.IntegerField(null=True)
    sm_clock_max_mhz = models.IntegerField(null=True)
    clock_event_reasons = ArrayField(models.TextField())
    ecc_enabled = models.BooleanField(null=True)
    ecc_corrected = models.BigIntegerField(null=True)
    ecc_uncorrected = models.BigIntegerField(null=True)
    xid_counts = models.JSONField(default=dict)


class EngineSample(models.Model):
    """One reading of one engine. ``counters`` are its own totals; the rates are computed from two readings."""

    pk = models.CompositePrimaryKey("engine_id", "taken_at")
    engine = models.ForeignKey(Engine, on_delete=models.CASCADE, related_name="samples")
    taken_at = models.DateTimeField()
    received_at = models.DateTimeField()
    model_name = models.TextField()
    running = models.FloatField(null=True)
    waiting = models.FloatField(null=True)
    waiting_by_reason = models.JSONField(default=dict)
    kv_cache_percent = models.FloatField(null=True)
    preemptions_per_minute = models.FloatField(null=True)
    prompt_tokens_per_second = models.FloatField(null=True)
    generation_tokens_per_second = models.FloatField(null=True)
    prefix_hit_percent = models.FloatField(null=True)
    time_to_first_token_seconds = models.FloatField(null=True)
    inter_token_latency_seconds = models.FloatField(null=True)
    queue_time_seconds = models.FloatField(null=True)
    counters = models.JSONField(default=dict)


class EngineEvent(models.Model):
    """Something that happened to an engine, as its keeper recorded it. A handful a day, so no partitions."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="engine_events")
    event_id = models.CharField(max_length=64, help_text="given by the keeper: a reading brings the same ones again")
    engine = models.CharField(max_length=100)
    kind = models.CharField(max_length=40)
    at = models.DateTimeField(help_text="by the host's clock")
    reason = models.CharField(max_length=40, blank=True, default="")
    seconds = models.FloatField(null=True)
    exit_code = models.IntegerField(null=True)
    signal = models.CharField(max_length=20, blank=True, default="")
    detail = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "event_id"], name="hardware_engine_event_once")]
        indexes = [models.Index(fields=["host", "at"], name="hardware_engine_event_at")]


class GpuRollup(models.Model):
    """One hour of one metric of one GPU."""

    pk = models.CompositePrimaryKey("gpu_id", "metric", "hour")
    gpu = models.ForeignKey(Gpu, on_delete=models.CASCADE, related_name="rollups")
    metric = models.TextField()
    hour = models.DateTimeField()
    samples = models.IntegerField()
    minimum = models.FloatField()
    average = models.FloatField()
    maximum = models.FloatField()
    last = models.FloatField()


class EngineRollup(models.Model):
    """One hour of one metric of one engine."""

    pk = models.CompositePrimaryKey("engine_id", "metric", "hour")
    engine = models.ForeignKey(Engine, on_delete=models.CASCADE, related_name="rollups")
    metric = models.TextField()
    hour = models.DateTimeField()
    samples = models.IntegerField()
    minimum = models.FloatField()
    average = models.FloatField()
    maximum = models.FloatField()
    last = models.FloatField()
