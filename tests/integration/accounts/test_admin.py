"""The records of users and groups."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client

from webapp.accounts import api
from webapp.accounts.models import User

USERS, GROUPS = "/admin/accounts/user/", "/admin/auth/group/"


def shown_password(html: str) -> str:
    match = re.search(r'id="temporary-password">([\w-]+)<', html)
    assert match
    return match.group(1)


@pytest.fixture
def admin_page(client: Client, administrator: User) -> Client:
    client.force_login(administrator, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.mark.parametrize(
    "address", ["/admin/", USERS, GROUPS, f"{USERS}add/", f"{GROUPS}add/", "/admin/admin/logentry/"]
)
def test_record_page_opens_for_an_administrator(admin_page: Client, address: str) -> None:
    assert admin_page.get(address).status_code == 200


@pytest.mark.parametrize("address", [USERS, GROUPS])
def test_record_page_is_closed_to_others(client: Client, ada: User, address: str) -> None:
    client.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = client.get(address, follow=True)
    assert response.status_code == 403
    assert "This page is not for your account" in response.content.decode()


def test_new_user_gets_a_temporary_password_that_is_shown_once(admin_page: Client) -> None:
    response = admin_page.post(f"{USERS}add/", {"username": "grace", "first_name": "", "last_name": ""})
    password = shown_password(response.content.decode())
    user = User.objects.get(username="grace")
    assert user.check_password(password)
    assert user.must_change_password
    assert not user.is_staff
    assert response["Cache-Control"].startswith("no-store")
    assert password not in admin_page.get(f"{USERS}{user.pk}/change/").content.decode()


def test_reset_gives_a_temporary_password_and_ends_sessions(admin_page: Client, ada: User) -> None:
    theirs = Client()
    theirs.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert admin_page.get(f"{USERS}{ada.pk}/password/").status_code == 200
    response = admin_page.post(f"{USERS}{ada.pk}/password/")
    ada.refresh_from_db()
    assert ada.check_password(shown_password(response.content.decode()))
    assert ada.must_change_password
    assert theirs.get("/")["Location"].startswith("/account/login/")
    assert LogEntry.objects.filter(object_id=str(ada.pk)).exists()


def test_reset_of_a_user_is_closed_to_others(client: Client, ada: User, administrator: User) -> None:
    client.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.post(f"{USERS}{administrator.pk}/password/")
    before = administrator.password
    administrator.refresh_from_db()
    assert administrator.password == before


def test_administrator_cannot_lock_themselves_out(admin_page: Client, administrator: User) -> None:
    admin_page.post(f"{USERS}{administrator.pk}/change/", {"username": administrator.username})
    administrator.refresh_from_db()
    assert administrator.is_active
    assert administrator.is_superuser
    assert administrator.is_staff


def test_users_cannot_be_deleted(admin_page: Client, ada: User) -> None:
    assert admin_page.post(f"{USERS}{ada.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=ada.pk).exists()


def test_group_is_saved_with_its_members(admin_page: Client, ada: User) -> None:
    admin_page.post(f"{GROUPS}add/", {"name": "Works", "members": [ada.pk]})
    group = Group.objects.get(name="Works")
    assert api.group_ids(user_id=ada.pk) == {group.pk}
    assert api.list_groups() == [(group.pk, "Works")]
    admin_page.post(f"{GROUPS}{group.pk}/change/", {"name": "Works", "members": []})
    assert api.group_ids(user_id=ada.pk) == frozenset()


def test_own_password_is_changed_on_the_one_page_for_it(admin_page: Client) -> None:
    assert admin_page.get("/admin/password_change/")["Location"] == "/account/password/change/"


def test_records_are_of_users_and_groups_only(admin_page: Client) -> None:
    text = admin_page.get("/admin/").content.decode()
    assert "Email addresses" not in text
    assert admin_page.get("/admin/account/emailaddress/").status_code == 404


def test_user_record_speaks_of_administrators(admin_page: Client) -> None:
    for address in (USERS, f"{USERS}add/"):
        text = admin_page.get(address).content.decode()
        assert "Administrator" in text
        assert "User name" in text
        assert "Superuser status" not in text
