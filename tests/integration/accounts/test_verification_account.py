import json
from datetime import timedelta
from io import StringIO

from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from webapp.accounts.models import User
from webapp.audit.models import AuditEvent


def run(verb: str) -> str:
    output = StringIO()
    call_command("verification_account", verb, stdout=output)
    return output.getvalue().strip()


def log_in(client: Client, username: str, password: str) -> bool:
    client.post("/account/login/", {"login": username, "password": password})
    return "_auth_user_id" in client.session


def test_opened_account_logs_in_and_may_do_nothing_special(client: Client) -> None:
    opened = json.loads(run("open"))
    assert log_in(client, opened["username"], opened["password"])
    user = User.objects.get(username=opened["username"])
    assert (user.is_staff, user.is_superuser, user.must_change_password, user.groups.count()) == (
        False,
        False,
        False,
        0,
    )


def test_each_opening_has_a_password_of_its_own(client: Client) -> None:
    first, second = json.loads(run("open")), json.loads(run("open"))
    assert not log_in(client, first["username"], first["password"])
    assert log_in(client, second["username"], second["password"])


def test_closed_account_is_refused_and_its_session_ends(client: Client) -> None:
    opened = json.loads(run("open"))
    assert log_in(client, opened["username"], opened["password"])
    assert run("close") == "closed"
    assert client.get("/").status_code == 302
    assert not log_in(Client(), opened["username"], opened["password"])
    assert run("close") == "was closed"


def test_account_that_nobody_closed_expires_with_its_sessions(client: Client) -> None:
    """As after a playbook that was killed between opening and closing."""
    opened = json.loads(run("open"))
    assert log_in(client, opened["username"], opened["password"])
    assert client.get("/").status_code == 200
    user = User.objects.get(username=opened["username"])
    assert user.expires_at is not None
    assert timedelta(minutes=29) < user.expires_at - timezone.now() < timedelta(minutes=31)
    User.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get("/").status_code == 302
    assert not log_in(Client(), opened["username"], opened["password"])
    again = json.loads(run("open"))
    assert log_in(Client(), again["username"], again["password"])


def test_opening_and_closing_are_recorded() -> None:
    run("open")
    run("close")
    assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True)) == [
        "user.activate",
        "user.deactivate",
    ]
