"""Every address of the console, every way to ask for it: strangers log in, others are refused, nothing leaks."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse

from tests.hardware.readings import CALM, build_reading
from webapp.accounts.models import User
from webapp.console.hardware.figures import FIGURES
from webapp.console.urls import urlpatterns

ADDRESSES = [
    reverse("console"),
    reverse("console-hardware"),
    *(reverse("console-figure", args=[slug]) for slug in FIGURES),
    *(reverse("console-figure-csv", args=[slug]) for slug in FIGURES),
]
WAYS = [
    {},
    {"HX-Request": "true"},
    {"HX-Request": "true", "HX-History-Restore-Request": "true"},
    {"Accept": "application/json"},
    {"Accept": "text/csv", "X-Requested-With": "XMLHttpRequest"},
]
SECRETS = ("NVIDIA L40S", "gpu-1", "authored-model")


def test_every_address_is_tried() -> None:
    assert {pattern.name for pattern in urlpatterns} == {
        "console",
        "console-hardware",
        "console-figure",
        "console-figure-csv",
    }


@pytest.fixture(autouse=True)
def readings(store: Callable[..., None], now: datetime) -> None:
    """Something to see for who gets through."""
    store(build_reading(now, CALM))


@pytest.mark.parametrize("headers", WAYS)
def test_stranger_logs_in_first(client: Client, headers: dict[str, str]) -> None:
    for address in ADDRESSES:
        response = client.get(address, headers=headers)
        assert response.status_code == (401 if "HX-Request" in headers else 302), address
        assert not any(secret in response.content.decode() for secret in SECRETS), address
        assert response.get("Location", "/account/login/").startswith("/account/login/")


@pytest.mark.parametrize("headers", WAYS)
def test_user_who_is_no_administrator_is_refused(ordinary_page: Client, headers: dict[str, str]) -> None:
    for address in ADDRESSES:
        response = ordinary_page.get(address, headers=headers)
        assert response.status_code == 403, address
        text = response.content.decode()
        assert "This page is not for your account" in text
        assert not any(secret in text for secret in SECRETS), address


def test_administrator_who_was_deactivated_is_not_let_in(administrator_page: Client) -> None:
    User.objects.filter(username="root-user").update(is_active=False)
    for address in ADDRESSES:
        response = administrator_page.get(address)
        assert response.status_code == 302, address
        assert response["Location"].startswith("/account/login/"), address


def test_administrator_who_became_an_ordinary_user_is_refused(administrator_page: Client) -> None:
    User.objects.filter(username="root-user").update(is_staff=False)
    assert {administrator_page.get(address).status_code for address in ADDRESSES} == {403}


def test_administrator_sees_it(administrator_page: Client) -> None:
    assert {administrator_page.get(address, follow=True).status_code for address in ADDRESSES} == {200}


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_can_be_changed_here(administrator_page: Client, method: str) -> None:
    assert {getattr(administrator_page, method)(address).status_code for address in ADDRESSES} == {405}


def test_administrator_with_a_password_to_change_does_that_first(administrator_page: Client) -> None:
    User.objects.filter(username="root-user").update(must_change_password=True)
    response = administrator_page.get("/console/hardware")
    assert (response.status_code, response["Location"]) == (302, "/account/password/change/")


def test_link_is_shown_to_administrators_only(administrator_page: Client, ordinary_page: Client) -> None:
    assert "/console/hardware" in administrator_page.get("/").content.decode()
    assert "/console" not in ordinary_page.get("/").content.decode()
