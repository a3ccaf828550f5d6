"""Every change to people, groups and passwords is recorded, with who made it and from where."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.core.management import call_command
from django.dispatch import receiver
from django.test import Client

from webapp.accounts.models import User
from webapp.accounts.types import people_changed
from webapp.audit.models import AuditEvent

pytestmark = pytest.mark.django_db

USERS, GROUPS = "/admin/accounts/user/", "/admin/auth/group/"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
DESK = "192.0.2.7"
PASSWORD, NEW = "correct horse battery", "a longer and better one"


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password=PASSWORD)


@pytest.fixture
def administrator() -> User:
    return User.objects.create_superuser("root-user", password=PASSWORD)


@pytest.fixture
def admin_page(administrator: User) -> Client:
    client = Client(REMOTE_ADDR=DESK)
    client.force_login(administrator, backend=BACKEND)
    return client


@pytest.fixture
def last() -> int:
    """The record's last number before the test's own deed."""
    event = AuditEvent.objects.order_by("id").last()
    return event.pk if event else 0


def read_deeds(after: int) -> list[tuple[str, str, dict[str, Any]]]:
    events = AuditEvent.objects.filter(pk__gt=after).exclude(action="user.login").order_by("id")
    return [(event.action, event.object_id, event.detail) for event in events]


def test_new_user_is_recorded_with_the_administrator_and_the_address(
    admin_page: Client, administrator: User, last: int
) -> None:
    group = Group.objects.create(name="Works")
    admin_page.post(f"{USERS}add/", {"username": "grace", "groups": [group.pk]})
    made = str(User.objects.get(username="grace").pk)
    assert read_deeds(last) == [
        ("user.create", made, {"username": "grace", "administrator": False}),
        ("user.groups", made, {"added": ["Works"], "removed": []}),
    ]
    event = AuditEvent.objects.filter(action="user.create").latest("id")
    assert (event.actor_id, event.ip, event.object_type) == (administrator.pk, DESK, "user")


def test_changes_to_a_user_are_recorded_one_by_one(admin_page: Client, ada: User, last: int) -> None:
    admin_page.post(f"{USERS}{ada.pk}/change/", {"username": "ada-l", "is_superuser": "on"})
    admin_page.post(f"{USERS}{ada.pk}/change/", {"username": "ada-l", "is_active": "on"})
    assert read_deeds(last) == [
        ("user.deactivate", str(ada.pk), {}),
        ("user.make_administrator", str(ada.pk), {}),
        ("user.update", str(ada.pk), {"fields": ["username"], "old_username": "ada", "username": "ada-l"}),
        ("user.activate", str(ada.pk), {}),
        ("user.end_administrator", str(ada.pk), {}),
    ]


def test_user_that_is_saved_unchanged_leaves_no_record(admin_page: Client, ada: User, last: int) -> None:
    admin_page.post(f"{USERS}{ada.pk}/change/", {"username": "ada", "is_active": "on"})
    assert read_deeds(last) == []


def test_password_reset_is_recorded_without_the_password(admin_page: Client, ada: User, last: int) -> None:
    admin_page.post(f"{USERS}{ada.pk}/password/")
    assert read_deeds(last) == [("user.password_reset", str(ada.pk), {})]


def test_own_password_change_is_recorded(ada: User, last: int) -> None:
    cache.clear()
    client = Client(REMOTE_ADDR=DESK)
    client.force_login(ada, backend=BACKEND)
    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert client.post("/account/password/change/", form).status_code == 302
    assert read_deeds(last) == [("user.password_change", str(ada.pk), {})]
    event = AuditEvent.objects.latest("id")
    assert (event.actor_id, event.ip) == (ada.pk, DESK)


def test_life_of_a_group_is_recorded(admin_page: Client, ada: User, last: int) -> None:
    admin_page.post(f"{GROUPS}add/", {"name": "Works", "members": [ada.pk]})
    group = Group.objects.get(name="Works")
    admin_page.post(f"{GROUPS}{group.pk}/change/", {"name": "Mains", "members": []})
    admin_page.post(f"{GROUPS}{group.pk}/delete/", {"post": "yes"})
    number = str(group.pk)
    assert read_deeds(last) == [
        ("group.create", number, {"name": "Works"}),
        ("group.members", number, {"added": ["ada"], "removed": []}),
        ("group.update", number, {"old_name": "Works", "name": "Mains"}),
        ("group.members", number, {"added": [], "removed": ["ada"]}),
        ("group.delete", number, {"name": "Mains", "members": []}),
    ]


def test_groups_that_are_deleted_together_are_recorded(admin_page: Client, ada: User, last: int) -> None:
    group = Group.objects.create(name="Works")
    ada.groups.add(group)
    admin_page.post(GROUPS, {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"})
    assert not Group.objects.exists()
    assert read_deeds(last) == [("group.delete", str(group.pk), {"name": "Works", "members": ["ada"]})]


def test_first_administrator_is_recorded(last: int) -> None:
    call_command("ensure_admin")
    user = User.objects.get()
    assert read_deeds(last) == [("user.create", str(user.pk), {"username": "admin", "administrator": True})]


def test_change_that_cannot_be_recorded_is_not_made(admin_page: Client) -> None:
    @receiver(people_changed)
    def fail(**_: Any) -> None:
        raise RuntimeError("the record is closed")

    admin_page.raise_request_exception = False
    try:
        assert admin_page.post(f"{GROUPS}add/", {"name": "Works"}).status_code == 500
    finally:
        people_changed.disconnect(fail)
    assert not Group.objects.exists()
