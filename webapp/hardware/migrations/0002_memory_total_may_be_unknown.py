"""A card that shares the machine's memory, or is lost, cannot say how much it has."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hardware", "0001_initial")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE hardware_gpusample ALTER COLUMN memory_total_bytes DROP NOT NULL",
                    "DELETE FROM hardware_gpusample WHERE memory_total_bytes IS NULL; "
                    "ALTER TABLE hardware_gpusample ALTER COLUMN memory_total_bytes SET NOT NULL",
                )
            ],
            state_operations=[
                migrations.AlterField("GpuSample", "memory_total_bytes", models.BigIntegerField(null=True))
            ],
        )
    ]
