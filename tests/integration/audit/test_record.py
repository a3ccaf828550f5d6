"""The record is kept with the deed, and nothing takes it back."""

from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction

from webapp.audit import api
from webapp.audit.errors import BadAction
from webapp.audit.models import AuditEvent

pytestmark = pytest.mark.django_db


def record() -> AuditEvent:
    object_id = str(uuid4())
    api.record(
        action="document.delete",
        actor_id=7,
        object_type="document",
        object_id=object_id,
        detail={"title": "a\x00b"},
        ip="192.0.2.1",
    )
    return AuditEvent.objects.get(object_id=object_id)


def test_record_keeps_who_did_what() -> None:
    event = record()
    assert (event.action, event.actor_id, event.object_type) == ("document.delete", 7, "document")
    assert (event.detail, event.ip) == ({"title": "a\ufffdb"}, "192.0.2.1")
    assert event.created_at is not None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor_id = 8",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "INSERT INTO audit_event SELECT * FROM audit_event ON CONFLICT (id) DO UPDATE SET actor_id = 8",
    ],
)
def test_database_refuses_to_change_the_record(statement: str) -> None:
    event = record()
    with pytest.raises(ProgrammingError, match="only grows"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEvent.objects.get(pk=event.pk).actor_id == 7


def test_models_cannot_change_the_record_either() -> None:
    event = record()
    event.actor_id = 8
    with pytest.raises(ProgrammingError, match="only grows"), transaction.atomic():
        event.save()
    with pytest.raises(ProgrammingError, match="only grows"), transaction.atomic():
        event.delete()


def test_record_goes_with_the_transaction() -> None:
    with transaction.atomic():
        event = record()
        transaction.set_rollback(True)
    assert not AuditEvent.objects.filter(pk=event.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_flush_of_the_database_leaves_the_record() -> None:
    event = record()
    call_command("flush", interactive=False, verbosity=0)
    assert AuditEvent.objects.filter(pk=event.pk).exists()


@pytest.mark.parametrize("ip", [None, "", "unix:", "testclient"])
def test_no_address_is_recorded_as_none(ip: str | None) -> None:
    api.record(action="user.login", actor_id=1, object_id="no-address", ip=ip)
    assert AuditEvent.objects.get(object_id="no-address").ip is None


@pytest.mark.parametrize("action", ["login", "User.login", "user.", "user login", "a." + "b" * 64, "user.login\n"])
def test_odd_action_is_refused(action: str) -> None:
    with pytest.raises(BadAction):
        api.record(action=action, actor_id=None)
