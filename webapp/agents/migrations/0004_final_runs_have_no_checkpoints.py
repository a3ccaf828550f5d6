"""Checkpoints serve to continue a run: those of runs that have ended go."""

from django.db import migrations

FORWARD = [
    f"""
    DELETE FROM {table} WHERE thread_id IN (
        SELECT id::text FROM agents_run WHERE status IN ('finished', 'failed', 'cancelled'))
    """  # noqa: S608 - constants
    for table in ("agents_checkpoint", "agents_checkpointblob", "agents_checkpointwrite")
]


class Migration(migrations.Migration):
    dependencies = [("agents", "0003_run_prompt_version")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
