"""Hosts and GPUs; and the four partitioned tables, whose partitions the collector makes as they are needed."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

ROLLUP = """
    metric text NOT NULL,
    hour timestamptz NOT NULL,
    samples integer NOT NULL,
    minimum double precision NOT NULL,
    average double precision NOT NULL,
    maximum double precision NOT NULL,
    last double precision NOT NULL,
"""
TABLES = f"""
CREATE TABLE hardware_gpusample (
    gpu_id bigint NOT NULL REFERENCES hardware_gpu ON DELETE CASCADE,
    taken_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    memory_total_bytes bigint NOT NULL,
    memory_used_bytes bigint,
    utilization_percent double precision,
    memory_bandwidth_percent double precision,
    power_watts double precision,
    power_limit_watts double precision,
    energy_joules double precision,
    temperature_celsius double precision,
    slowdown_celsius double precision,
    sm_clock_mhz integer,
    sm_clock_max_mhz integer,
    clock_event_reasons text[] NOT NULL,
    ecc_enabled boolean,
    ecc_corrected bigint,
    ecc_uncorrected bigint,
    xid_counts jsonb NOT NULL,
    PRIMARY KEY (gpu_id, taken_at)
) PARTITION BY RANGE (taken_at);

CREATE TABLE hardware_enginesample (
    host_id bigint NOT NULL REFERENCES hardware_host ON DELETE CASCADE,
    taken_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    model_name text NOT NULL,
    running double precision,
    waiting double precision,
    waiting_by_reason jsonb NOT NULL,
    kv_cache_percent double precision,
    preemptions_per_minute double precision,
    prompt_tokens_per_second double precision,
    generation_tokens_per_second double precision,
    prefix_hit_percent double precision,
    time_to_first_token_seconds double precision,
    inter_token_latency_seconds double precision,
    queue_time_seconds double precision,
    counters jsonb NOT NULL,
    PRIMARY KEY (host_id, taken_at)
) PARTITION BY RANGE (taken_at);

CREATE TABLE hardware_gpurollup (
    gpu_id bigint NOT NULL REFERENCES hardware_gpu ON DELETE CASCADE,
    {ROLLUP}
    PRIMARY KEY (gpu_id, metric, hour)
) PARTITION BY RANGE (hour);

CREATE TABLE hardware_enginerollup (
    host_id bigint NOT NULL REFERENCES hardware_host ON DELETE CASCADE,
    {ROLLUP}
    PRIMARY KEY (host_id, metric, hour)
) PARTITION BY RANGE (hour);
"""
REVERSE = "DROP TABLE hardware_gpusample, hardware_enginesample, hardware_gpurollup, hardware_enginerollup"


class Migration(migrations.Migration):

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name='Host',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('base_url', models.CharField(max_length=500, unique=True)),
                ('name', models.CharField(blank=True, default='', max_length=200)),
                ('active', models.BooleanField(default=True, help_text='a model is registered at this address')),
                ('source', models.CharField(blank=True, default='', max_length=16)),
                ('driver_version', models.CharField(blank=True, default='', max_length=100)),
                ('problem', models.CharField(blank=True, default='', max_length=1000)),
                ('gpu_problem', models.CharField(blank=True, default='', max_length=500)),
                ('engine_problem', models.CharField(blank=True, default='', max_length=500)),
                ('last_attempt_at', models.DateTimeField(null=True)),
                ('last_success_at', models.DateTimeField(null=True)),
                ('taken_at', models.DateTimeField(help_text="of the newest reading, by the host's clock", null=True)),
                ('received_at', models.DateTimeField(help_text='of the newest reading, by ours', null=True)),
                ('clock_difference_seconds', models.FloatField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Gpu',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uuid', models.CharField(max_length=100)),
                ('index', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=200)),
                ('host', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='gpus', to='hardware.host')),
                ('last_seen_at', models.DateTimeField(help_text="by the host's clock")),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('host', 'uuid'), name='hardware_gpu_uuid')],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(TABLES, REVERSE)],
            state_operations=[
                migrations.CreateModel(
                    name='GpuSample',
                    fields=[
                        ('pk', models.CompositePrimaryKey('gpu_id', 'taken_at', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('taken_at', models.DateTimeField()),
                        ('received_at', models.DateTimeField()),
                        ('memory_total_bytes', models.BigIntegerField()),
                        ('memory_used_bytes', models.BigIntegerField(null=True)),
                        ('utilization_percent', models.FloatField(null=True)),
                        ('memory_bandwidth_percent', models.FloatField(null=True)),
                        ('power_watts', models.FloatField(null=True)),
                        ('power_limit_watts', models.FloatField(null=True)),
                        ('energy_joules', models.FloatField(null=True)),
                        ('temperature_celsius', models.FloatField(null=True)),
                        ('slowdown_celsius', models.FloatField(null=True)),
                        ('sm_clock_mhz', models.IntegerField(null=True)),
                        ('sm_clock_max_mhz', models.IntegerField(null=True)),
                        ('clock_event_reasons', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                        ('ecc_enabled', models.BooleanField(null=True)),
                        ('ecc_corrected', models.BigIntegerField(null=True)),
                        ('ecc_uncorrected', models.BigIntegerField(null=True)),
                        ('xid_counts', models.JSONField(default=dict)),
                        ('gpu', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='samples', to='hardware.gpu')),
                    ],
                ),
                migrations.CreateModel(
                    name='EngineSample',
                    fields=[
                        ('pk', models.CompositePrimaryKey('host_id', 'taken_at', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('taken_at', models.DateTimeField()),
                        ('received_at', models.DateTimeField()),
                        ('model_name', models.TextField()),
                        ('running', models.FloatField(null=True)),
                        ('waiting', models.FloatField(null=True)),
                        ('waiting_by_reason', models.JSONField(default=dict)),
                        ('kv_cache_percent', models.FloatField(null=True)),
                        ('preemptions_per_minute', models.FloatField(null=True)),
                        ('prompt_tokens_per_second', models.FloatField(null=True)),
                        ('generation_tokens_per_second', models.FloatField(null=True)),
                        ('prefix_hit_percent', models.FloatField(null=True)),
                        ('time_to_first_token_seconds', models.FloatField(null=True)),
                        ('inter_token_latency_seconds', models.FloatField(null=True)),
                        ('queue_time_seconds', models.FloatField(null=True)),
                        ('counters', models.JSONField(default=dict)),
                        ('host', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='engine_samples', to='hardware.host')),
                    ],
                ),
                migrations.CreateModel(
                    name='GpuRollup',
                    fields=[
                        ('pk', models.CompositePrimaryKey('gpu_id', 'metric', 'hour', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('metric', models.TextField()),
                        ('hour', models.DateTimeField()),
                        ('samples', models.IntegerField()),
                        ('minimum', models.FloatField()),
                        ('average', models.FloatField()),
                        ('maximum', models.FloatField()),
                        ('last', models.FloatField()),
                        ('gpu', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rollups', to='hardware.gpu')),
                    ],
                ),
                migrations.CreateModel(
                    name='EngineRollup',
                    fields=[
                        ('pk', models.CompositePrimaryKey('host_id', 'metric', 'hour', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('metric', models.TextField()),
                        ('hour', models.DateTimeField()),
                        ('samples', models.IntegerField()),
                        ('minimum', models.FloatField()),
                        ('average', models.FloatField()),
                        ('maximum', models.FloatField()),
                        ('last', models.FloatField()),
                        ('host', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='engine_rollups', to='hardware.host')),
                    ],
                ),
            ],
        ),
    ]
