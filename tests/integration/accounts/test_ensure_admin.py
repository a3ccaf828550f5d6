import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from webapp.accounts.models import User


def ensure_admin() -> dict[str, Any]:
    output = StringIO()
    call_command("ensure_admin", stdout=output)
    report: dict[str, Any] = json.loads(output.getvalue())
    return report


def test_first_administrator_is_made_with_a_password_shown_once() -> None:
    report = ensure_admin()
    user = User.objects.get(username="admin")
    assert report == {"created": True, "username": "admin", "password": report["password"]}
    assert user.is_superuser
    assert user.is_staff
    assert user.must_change_password
    assert user.check_password(report["password"])
    assert report["password"] not in user.password


def test_second_call_changes_nothing_and_shows_no_password() -> None:
    ensure_admin()
    before = User.objects.get(username="admin").password
    assert ensure_admin() == {"created": False, "username": "admin", "password": None}
    assert User.objects.get(username="admin").password == before


def test_administrator_beside_an_ordinary_user_called_admin() -> None:
    User.objects.create_user("admin")
    assert ensure_admin()["username"] == "admin2"


def test_first_password_from_a_file_is_used_and_not_printed(tmp_path: Path) -> None:
    file = tmp_path / "admin"
    file.write_text("correct-horse-battery\n")
    output = StringIO()
    call_command("ensure_admin", "--password-file", str(file), stdout=output)
    user = User.objects.get(username="admin")
    assert user.check_password("correct-horse-battery")
    assert user.must_change_password
    assert json.loads(output.getvalue()) == {"created": True, "username": "admin", "password": None}


def test_empty_password_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "admin").touch()
    with pytest.raises(CommandError, match="is empty"):
        call_command("ensure_admin", "--password-file", str(tmp_path / "admin"))
    assert not User.objects.filter(username="admin").exists()
