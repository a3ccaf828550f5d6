"""What every tier shares."""

import pytest

from appliance.local.postgres import EmbeddedPostgres
from appliance.local.redis import EmbeddedRedis


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres: EmbeddedPostgres, redis_server: EmbeddedRedis) -> None:
    """Start the servers before pytest-django makes its database; they stop after it is gone."""
