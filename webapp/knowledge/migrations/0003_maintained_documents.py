"""Which documents a command maintains, and which of its collections a person deleted."""

from django.db import migrations, models

# So far the command was the only one that stored documents for nobody.
MARK = """
UPDATE knowledge_document SET maintained = true
FROM knowledge_collection
WHERE knowledge_collection.id = collection_id AND system_name IS NOT NULL AND created_by_id IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0002_chunks_are_searchable")]
    operations = [
        migrations.CreateModel(
            name="DeletedSystemCollection",
            fields=[
                ("system_name", models.SlugField(max_length=100, primary_key=True, serialize=False)),
                ("deleted_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.AddField(
            model_name="document",
            name="maintained",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.RunSQL(MARK, migrations.RunSQL.noop),
    ]
