"""Only the holder of a run's lease writes its state: the database refuses an older fencing token."""

from django.db import migrations

TABLES = ("agents_checkpoint", "agents_checkpointblob", "agents_checkpointwrite")

FORWARD = [
    """
    CREATE TRIGGER agents_run_fence BEFORE INSERT OR UPDATE OF fence ON agents_run
        FOR EACH ROW EXECUTE FUNCTION durable_refuse_old_fence('run', 'id', 'fence')
    """,
    *(
        f"""
        CREATE TRIGGER {table}_fence BEFORE INSERT OR UPDATE ON {table}
            FOR EACH ROW EXECUTE FUNCTION durable_refuse_old_fence()
        """
        for table in TABLES
    ),
]
BACKWARD = [f"DROP TRIGGER {table}_fence ON {table}" for table in ("agents_run", *TABLES)]


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial"), ("durable", "0001_lease")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
