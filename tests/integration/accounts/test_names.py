"""Log-in takes any spelling of a name, so that no two names may differ in their spelling only."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from tests.integration.accounts.conftest import PASSWORD
from webapp.accounts import services
from webapp.accounts.models import User

USERS = "/admin/accounts/user/"
REFUSAL = "There is a user with this name already."


@pytest.fixture
def admin_page(client: Client, administrator: User) -> Client:
    client.force_login(administrator, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_database_refuses_a_second_spelling_of_a_name(ada: User) -> None:
    with pytest.raises(IntegrityError, match="accounts_user_name_in_any_case"), transaction.atomic():
        User.objects.create_user("ADA")


@pytest.mark.parametrize("spelling", ["ada", "Ada", "\uff21da"])
def test_new_user_with_a_second_spelling_of_a_name_is_refused_with_a_reason(
    admin_page: Client, ada: User, spelling: str
) -> None:
    response = admin_page.post(f"{USERS}add/", {"username": spelling})
    assert response.status_code == 200
    assert REFUSAL in response.content.decode()
    assert User.objects.filter(username__iexact="ada").count() == 1


def test_user_who_is_renamed_to_a_second_spelling_is_refused_with_a_reason(admin_page: Client, ada: User) -> None:
    other = User.objects.create_user("grace")
    response = admin_page.post(f"{USERS}{other.pk}/change/", {"username": "ADA", "is_active": "on"})
    assert REFUSAL in response.content.decode()
    other.refresh_from_db()
    assert other.username == "grace"


def test_user_may_change_the_spelling_of_their_own_name(admin_page: Client, ada: User) -> None:
    assert admin_page.post(f"{USERS}{ada.pk}/change/", {"username": "Ada", "is_active": "on"}).status_code == 302
    assert Client().post("/account/login/", {"login": "aDA", "password": PASSWORD}).status_code == 302


def test_first_administrator_takes_no_second_spelling() -> None:
    User.objects.create_user("Admin")
    assert services.ensure_administrator()[0] == "admin2"
