"""What follows from a log-in page's events."""

from typing import Any

from allauth.account.signals import password_changed

from webapp.accounts.models import User


def connect() -> None:
    """Called once, when Django has loaded the applications."""
    password_changed.connect(_clear_must_change, dispatch_uid="accounts.clear_must_change")


def _clear_must_change(*, user: User, **_: Any) -> None:
    if user.must_change_password:
        user.must_change_password = False
        user.save(update_fields=["must_change_password"])
