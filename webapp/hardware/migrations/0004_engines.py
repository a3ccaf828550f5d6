"""A host may have several engines: samples and rollups are an engine's, as those of the hardware are a GPU's."""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
INSERT INTO hardware_engine (host_id, name, purpose, problem, last_seen_at)
SELECT id, 'model', 'generation', '', coalesce(taken_at, last_attempt_at, now()) FROM hardware_host
WHERE EXISTS (SELECT FROM hardware_enginesample WHERE host_id = hardware_host.id)
   OR EXISTS (SELECT FROM hardware_enginerollup WHERE host_id = hardware_host.id);

ALTER TABLE hardware_enginesample ADD COLUMN engine_id bigint REFERENCES hardware_engine ON DELETE CASCADE;
UPDATE hardware_enginesample AS it SET engine_id = e.id FROM hardware_engine AS e WHERE e.host_id = it.host_id;
ALTER TABLE hardware_enginesample DROP CONSTRAINT hardware_enginesample_pkey, ALTER COLUMN engine_id SET NOT NULL,
    ADD PRIMARY KEY (engine_id, taken_at), DROP COLUMN host_id;

ALTER TABLE hardware_enginerollup ADD COLUMN engine_id bigint REFERENCES hardware_engine ON DELETE CASCADE;
UPDATE hardware_enginerollup AS it SET engine_id = e.id FROM hardware_engine AS e WHERE e.host_id = it.host_id;
ALTER TABLE hardware_enginerollup DROP CONSTRAINT hardware_enginerollup_pkey, ALTER COLUMN engine_id SET NOT NULL,
    ADD PRIMARY KEY (engine_id, metric, hour), DROP COLUMN host_id;
"""
# Going back keeps the main engine's; there is no place for the others'.
BACKWARD = """
DELETE FROM hardware_engine WHERE name <> 'model';

ALTER TABLE hardware_enginesample ADD COLUMN host_id bigint REFERENCES hardware_host ON DELETE CASCADE;
UPDATE hardware_enginesample AS it SET host_id = e.host_id FROM hardware_engine AS e WHERE e.id = it.engine_id;
ALTER TABLE hardware_enginesample DROP CONSTRAINT hardware_enginesample_pkey, ALTER COLUMN host_id SET NOT NULL,
    ADD PRIMARY KEY (host_id, taken_at), DROP COLUMN engine_id;

ALTER TABLE hardware_enginerollup ADD COLUMN host_id bigint REFERENCES hardware_host ON DELETE CASCADE;
UPDATE hardware_enginerollup AS it SET host_id = e.host_id FROM hardware_engine AS e WHERE e.id = it.engine_id;
ALTER TABLE hardware_enginerollup DROP CONSTRAINT hardware_enginerollup_pkey, ALTER COLUMN host_id SET NOT NULL,
    ADD PRIMARY KEY (host_id, metric, hour), DROP COLUMN engine_id;
"""


class Migration(migrations.Migration):

    dependencies = [("hardware", "0003_engine_events")]

    operations = [
        migrations.CreateModel(
            name="Engine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=64, help_text="model for the main one, else the further model's")),
                ("purpose", models.CharField(default="generation", max_length=16)),
                ("problem", models.CharField(blank=True, default="", max_length=500)),
                ("last_seen_at", models.DateTimeField(help_text="by the host's clock")),
                ("host", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="engines", to="hardware.host")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("host", "name"), name="hardware_engine_name")],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(FORWARD, BACKWARD)],
            state_operations=[
                migrations.DeleteModel("EngineSample"),
                migrations.DeleteModel("EngineRollup"),
                migrations.CreateModel(
                    name="EngineSample",
                    fields=[
                        ("pk", models.CompositePrimaryKey("engine_id", "taken_at", blank=True, editable=False, primary_key=True, serialize=False)),
                        ("taken_at", models.DateTimeField()),
                        ("received_at", models.DateTimeField()),
                        ("model_name", models.TextField()),
                        ("running", models.FloatField(null=True)),
                        ("waiting", models.FloatField(null=True)),
                        ("waiting_by_reason", models.JSONField(default=dict)),
                        ("kv_cache_percent", models.FloatField(null=True)),
                        ("preemptions_per_minute", models.FloatField(null=True)),
                        ("prompt_tokens_per_second", models.FloatField(null=True)),
                        ("generation_tokens_per_second", models.FloatField(null=True)),
                        ("prefix_hit_percent", models.FloatField(null=True)),
                        ("time_to_first_token_seconds", models.FloatField(null=True)),
                        ("inter_token_latency_seconds", models.FloatField(null=True)),
                        ("queue_time_seconds", models.FloatField(null=True)),
                        ("counters", models.JSONField(default=dict)),
                        ("engine", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="samples", to="hardware.engine")),
                    ],
                ),
                migrations.CreateModel(
                    name="EngineRollup",
                    fields=[
                        ("pk", models.CompositePrimaryKey("engine_id", "metric", "hour", blank=True, editable=False, primary_key=True, serialize=False)),
                        ("metric", models.TextField()),
                        ("hour", models.DateTimeField()),
                        ("samples", models.IntegerField()),
                        ("minimum", models.FloatField()),
                        ("average", models.FloatField()),
                        ("maximum", models.FloatField()),
                        ("last", models.FloatField()),
                        ("engine", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="rollups", to="hardware.engine")),
                    ],
                ),
            ],
        ),
    ]
