import pytest
from django.test import Client

from webapp.accounts.models import User


@pytest.fixture
def administrator(db: None) -> User:
    return User.objects.create_superuser("root-user", password="correct horse battery")


@pytest.mark.parametrize("address", ["/", "/collections/", "/threads/", "/nothing-here/", "/account/password/change/"])
def test_normal_page_allows_only_our_own_files(client: Client, administrator: User, address: str) -> None:
    client.force_login(administrator, backend="allauth.account.auth_backends.AuthenticationBackend")
    policy = client.get(address)["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert "unsafe" not in policy
    assert "http" not in policy
    assert directives["default-src"] == directives["script-src"] == directives["connect-src"] == "'self'"
    assert directives["frame-ancestors"] == directives["object-src"] == directives["base-uri"] == "'none'"


def test_log_in_page_has_the_strict_policy(client: Client, db: None) -> None:
    assert "unsafe" not in client.get("/account/login/")["Content-Security-Policy"]


def test_admin_page_has_the_relaxed_policy(client: Client, administrator: User) -> None:
    client.force_login(administrator, backend="allauth.account.auth_backends.AuthenticationBackend")
    policy = client.get("/admin/")["Content-Security-Policy"]
    assert "'unsafe-eval'" in policy
    assert "frame-ancestors 'none'" in policy


def test_pages_are_not_framed_sniffed_or_told_on(client: Client, db: None) -> None:
    response = client.get("/account/login/")
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
