"""People for the tests of accounts."""

import pytest
from django.core.cache import cache
from pytest_django import Settings

from webapp.accounts.models import User

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _database(db: None, settings: Settings) -> None:
    """Every test here needs it; the throttle's counts start from nothing, and hashing is quick."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password=PASSWORD)


@pytest.fixture
def administrator() -> User:
    return User.objects.create_superuser("root-user", password=PASSWORD)
