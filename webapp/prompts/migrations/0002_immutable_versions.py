"""A version of a prompt never changes and never goes away: what answered in the past can be shown."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION prompts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a prompt version is immutable: publish a new one instead'
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER prompts_version_immutable BEFORE UPDATE OR DELETE ON prompts_promptversion
    FOR EACH ROW EXECUTE FUNCTION prompts_refuse_change();
"""
BACKWARD = """
DROP TRIGGER prompts_version_immutable ON prompts_promptversion;
DROP FUNCTION prompts_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("prompts", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
