"""What a browser and a proxy may keep."""

import pytest
from django.test import Client

from webapp.accounts.models import User


@pytest.fixture
def page(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_user("ada"), backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.mark.parametrize("part", [{}, {"HX-Request": "true"}])
@pytest.mark.parametrize("address", ["/", "/threads/", "/collections/", "/nothing-here/"])
def test_page_is_not_kept_and_differs_for_htmx(page: Client, address: str, part: dict[str, str]) -> None:
    response = page.get(address, headers=part)
    assert response["Cache-Control"] == "private, no-store"
    assert "HX-Request" in response["Vary"]


def test_static_file_may_be_kept(page: Client) -> None:
    response = page.get("/static/ui/ui.js")
    assert response.status_code == 200
    assert "no-store" not in response["Cache-Control"]
    response.close()


def test_health_keeps_its_own_rule(client: Client) -> None:
    assert "max-age=0" in client.get("/healthz")["Cache-Control"]
