"""The schema, the text search configuration and the functions that every index uses."""

from django.db import migrations

from webapp.search.statements import DROP_SCHEMA, SCHEMA


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.RunSQL(SCHEMA, DROP_SCHEMA)]
