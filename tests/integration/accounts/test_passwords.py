"""Changing one's password, and having to."""

import pytest
from django.test import Client

from tests.integration.accounts.conftest import PASSWORD
from webapp.accounts import services
from webapp.accounts.models import User

CHANGE = "/account/password/change/"
NEW = "a longer and better one"


def log_in(client: Client, user: User) -> None:
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")


def change(client: Client, old: str, new: str) -> int:
    return client.post(CHANGE, {"oldpassword": old, "password1": new, "password2": new}).status_code


def test_password_change_keeps_this_session_and_ends_the_others(client: Client, ada: User) -> None:
    other = Client()
    log_in(client, ada)
    log_in(other, ada)
    assert change(client, PASSWORD, NEW) == 302
    assert client.get(CHANGE).status_code == 200
    assert other.get(CHANGE).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password(NEW)


@pytest.mark.parametrize("weak", ["short1", "password1234", "123456789012345", "ada-ada-ada-ada"])
def test_weak_password_is_refused(client: Client, weak: str) -> None:
    user = User.objects.create_user("ada-ada-ada", password=PASSWORD)
    log_in(client, user)
    assert change(client, PASSWORD, weak) == 200
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize("address", ["/", "/collections/", "/threads/", "/admin/"])
def test_user_who_must_change_the_password_sees_nothing_else(client: Client, administrator: User, address: str) -> None:
    services.reset_password(administrator)
    log_in(client, administrator)
    response = client.get(address)
    assert (response.status_code, response["Location"]) == (302, CHANGE)


def test_user_who_must_change_the_password_is_led_there_from_a_part_of_a_page(client: Client, ada: User) -> None:
    services.reset_password(ada)
    log_in(client, ada)
    assert client.get("/threads/", headers={"HX-Request": "true"})["HX-Redirect"] == CHANGE


def test_password_change_ends_the_duty_to_change_it(client: Client, ada: User) -> None:
    temporary = services.reset_password(ada)
    log_in(client, ada)
    assert change(client, temporary, NEW) == 302
    ada.refresh_from_db()
    assert not ada.must_change_password
    assert client.get("/").status_code == 200


def test_user_who_must_change_the_password_can_leave(client: Client, ada: User) -> None:
    services.reset_password(ada)
    log_in(client, ada)
    assert client.post("/account/logout/").status_code == 302
    assert client.get(CHANGE)["Location"].startswith("/account/login/")


def test_temporary_passwords_differ_and_are_long() -> None:
    made = {services.build_temporary_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(password) == 23 for password in made)


def test_present_password_is_no_new_password(client: Client, ada: User) -> None:
    temporary = services.reset_password(ada)
    log_in(client, ada)
    response = client.post(CHANGE, {"oldpassword": temporary, "password1": temporary, "password2": temporary})
    assert "This is the present password." in response.content.decode()
    ada.refresh_from_db()
    assert ada.must_change_password


def test_labels_of_the_password_page_are_in_sentence_case(client: Client, ada: User) -> None:
    log_in(client, ada)
    text = client.get(CHANGE).content.decode()
    for label in ("Current password", "New password", "New password, once more"):
        assert f">{label}</label>" in text
    assert "Current Password" not in text
