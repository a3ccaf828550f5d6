"""Logging in, out and in vain is recorded."""

import pytest
from django.contrib.auth import authenticate, get_user_model, login, logout
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory

from webapp.audit.models import AuditEvent

pytestmark = pytest.mark.django_db

PASSWORD = "not-a-secret-1"


@pytest.fixture
def request_from_desk() -> HttpRequest:
    request = RequestFactory().post("/account/login/", REMOTE_ADDR="192.0.2.7")
    request.session = SessionStore()
    return request


def read_events() -> list[tuple[str, int | None, str, str | None]]:
    return list(
        AuditEvent.objects.filter(action__startswith="user.")
        .order_by("id")
        .values_list("action", "actor_id", "object_id", "ip")
    )


def test_login_and_logout_are_recorded(request_from_desk: HttpRequest) -> None:
    before = len(read_events())
    user = get_user_model().objects.create_user(username="jane", password=PASSWORD)
    request_from_desk.user = user
    login(request_from_desk, user, backend="django.contrib.auth.backends.ModelBackend")
    logout(request_from_desk)
    assert read_events()[before:] == [
        ("user.login", user.pk, str(user.pk), "192.0.2.7"),
        ("user.logout", user.pk, str(user.pk), "192.0.2.7"),
    ]


def test_failed_login_is_recorded_under_the_name_that_was_tried(request_from_desk: HttpRequest) -> None:
    get_user_model().objects.create_user(username="jane", password=PASSWORD)
    assert authenticate(request_from_desk, username="jane", password="guess-of-a-stranger") is None
    event = AuditEvent.objects.latest("id")
    assert (event.action, event.actor_id, event.ip) == ("user.login_failed", None, "192.0.2.7")
    assert event.detail == {"username": "jane"}


def test_logout_of_nobody_is_not_recorded(request_from_desk: HttpRequest) -> None:
    before = read_events()
    logout(request_from_desk)
    assert read_events() == before
