"""Logging in: throttled, closed to strangers, and the only door."""

import pytest
from django.test import Client
from pytest_django import Settings

from tests.integration.accounts.conftest import PASSWORD
from webapp.accounts.models import User

LOGIN = "/account/login/"


def try_login(client: Client, password: str, name: str = "ada", address: str = "192.0.2.1") -> bool:
    response = client.post(LOGIN, {"login": name, "password": password}, REMOTE_ADDR=address)
    return response.status_code == 302


def test_login_with_the_right_password_leads_to_the_first_page(client: Client, ada: User) -> None:
    response = client.post(LOGIN, {"login": "ada", "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/")


def test_login_with_a_wrong_password_does_not_say_which_part_was_wrong(client: Client, ada: User) -> None:
    known = client.post(LOGIN, {"login": "ada", "password": "wrong"}).content.decode()
    unknown = client.post(LOGIN, {"login": "bob", "password": "wrong"}).content.decode()
    text = "The user name or the password is not right."
    assert text in known
    assert text in unknown


def test_sixth_attempt_is_refused_even_with_the_right_password(client: Client, ada: User) -> None:
    for _ in range(5):
        assert not try_login(client, "wrong")
    response = client.post(LOGIN, {"login": "ada", "password": "wrong"}, REMOTE_ADDR="192.0.2.1")
    assert "Too many failed attempts" in response.content.decode()
    assert not try_login(client, PASSWORD)


@pytest.mark.parametrize("spelling", ["ADA", "Ada", " ada "])
def test_throttle_counts_every_spelling_of_a_name_together(client: Client, ada: User, spelling: str) -> None:
    for _ in range(5):
        try_login(client, "wrong", name=spelling)
    assert not try_login(client, PASSWORD)


def test_throttle_of_one_address_covers_all_accounts(client: Client, ada: User) -> None:
    for number in range(10):
        try_login(client, "wrong", name=f"guess{number}")
    assert not try_login(client, PASSWORD)
    assert try_login(client, PASSWORD, address="203.0.113.9")


def test_throttle_forgets_right_passwords(client: Client, ada: User) -> None:
    for _ in range(8):
        assert try_login(client, PASSWORD)
        client.logout()


@pytest.mark.parametrize("address", ["/account/signup/", "/account/password/reset/", "/account/email/"])
def test_addresses_nobody_needs_do_not_exist(client: Client, ada: User, address: str) -> None:
    client.force_login(ada)
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", ["/admin/login/", "/admin/", "/admin/accounts/user/"])
def test_admin_has_no_log_in_of_its_own(client: Client, address: str) -> None:
    response = client.get(address, {"username": "ada", "password": "x"}, follow=True)
    assert response.redirect_chain[-1][0].startswith(LOGIN)


def test_deactivated_user_is_out_at_once(client: Client, ada: User) -> None:
    client.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/account/password/change/").status_code == 200
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert client.get("/account/password/change/")["Location"].startswith(LOGIN)
    client.post(LOGIN, {"login": "ada", "password": PASSWORD})
    assert client.get("/account/password/change/")["Location"].startswith(LOGIN)


def test_log_in_form_without_its_token_is_refused() -> None:
    response = Client(enforce_csrf_checks=True).post(LOGIN, {"login": "ada", "password": PASSWORD})
    assert response.status_code == 403
    assert "This form is out of date" in response.content.decode()


def test_log_in_does_not_lead_to_another_host(client: Client, ada: User) -> None:
    response = client.post(LOGIN, {"login": "ada", "password": PASSWORD, "next": "https://example.org/"})
    assert response["Location"] == "/"


def test_throttle_counts_every_host_name_of_the_appliance_together(
    client: Client, ada: User, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    for port in range(5):
        client.post(LOGIN, {"login": "ada", "password": "wrong"}, HTTP_HOST=f"localhost:{port}")
    response = client.post(LOGIN, {"login": "ada", "password": PASSWORD}, HTTP_HOST="localhost:9")
    assert "Too many failed attempts" in response.content.decode()


def test_page_that_is_open_when_the_session_ends_is_left_rather_than_filled_with_a_form(client: Client) -> None:
    page = {"HX-Request": "true", "HX-Current-URL": "http://testserver/threads/7/?search=x"}
    for response in (client.get("/threads/", headers=page), client.post("/runs/", headers=page)):
        assert response.status_code == 401
        assert response["HX-Redirect"] == "/account/login/?next=%2Fthreads%2F7%2F%3Fsearch%3Dx"
        assert response.content == b""


@pytest.mark.parametrize("address", ["https://example.org/x", "javascript:alert(1)", ""])
def test_page_elsewhere_is_not_what_follows_a_log_in(client: Client, address: str) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": address}
    assert client.get("/threads/", headers=headers)["HX-Redirect"] == "/account/login/?next=%2F"


@pytest.mark.parametrize("address", ["/runs/", "/collections/new"])
def test_address_of_a_form_is_not_what_follows_a_log_in(client: Client, ada: User, address: str) -> None:
    response = client.post(address, {"question": "How deep?"})
    assert response["Location"] == "/account/login/?next=/"
    landed = client.post(response["Location"], {"login": "ada", "password": PASSWORD, "next": "/"}, follow=True)
    assert landed.status_code == 200


def test_page_that_was_asked_for_follows_a_log_in(client: Client) -> None:
    assert client.get("/collections/?a=b")["Location"] == "/account/login/?next=/collections/%3Fa%3Db"
