"""An account that is meant for minutes. The verification account of an earlier version expires at once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_username_in_any_case")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="expires_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.RunSQL(
            "UPDATE accounts_user SET expires_at = now() WHERE username = 'appliance-verification'",
            migrations.RunSQL.noop,
        ),
    ]
