from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("options", [(), ("--migrated",)])
def test_database_that_is_ready_is_not_waited_for(options: tuple[str, ...]) -> None:
    output = StringIO()
    call_command("wait_for_database", *options, "--seconds", "0", stdout=output)
    assert output.getvalue() == "The database is ready.\n"


def test_database_without_a_migration_is_waited_for_only_where_tables_matter(client: Client) -> None:
    newest = MigrationRecorder(connection).migration_qs.order_by("-id").first()
    assert newest is not None
    newest.delete()
    call_command("wait_for_database", "--seconds", "0", stdout=StringIO())
    with pytest.raises(CommandError, match="has the tables of this release"):
        call_command("wait_for_database", "--migrated", "--seconds", "0")
    assert client.get("/readyz").status_code == 503
