"""Where the web application finds PostgreSQL and Redis, in each layout."""

from pathlib import Path
from typing import Any

import pytest

from appliance.settings import Settings
from tests.unit.topology.layouts import hosts, kubernetes
from webapp.config.connections import broker_url, database_tls, redis_url


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, Any]:
    """A data directory whose Redis password holds what a URL has to escape."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "redis").write_text("p@ss/word")
    return {"data_dir": str(tmp_path)}


def test_embedded_redis_is_a_socket_below_the_data_directory(secrets: dict[str, Any]) -> None:
    settings = Settings.model_validate(secrets)
    socket = settings.run_dir / "redis" / "redis.sock"
    assert redis_url(settings) == f"unix://:p%40ss%2Fword@{socket}?db=0"
    assert broker_url(settings) == f"redis+socket://:p%40ss%2Fword@{socket}?virtual_host=1"


def test_socket_of_the_distribution_is_used_where_it_is_named(secrets: dict[str, Any]) -> None:
    settings = hosts(**secrets)
    assert redis_url(settings) == "unix://:p%40ss%2Fword@/run/valkey/valkey.sock?db=0"
    assert broker_url(settings) == "redis+socket://:p%40ss%2Fword@/run/valkey/valkey.sock?virtual_host=1"


def test_redis_of_a_cluster_is_reached_over_tcp(secrets: dict[str, Any]) -> None:
    settings = kubernetes(**secrets)
    assert redis_url(settings) == "redis://:p%40ss%2Fword@redis:6379/0"
    assert broker_url(settings) == "redis://:p%40ss%2Fword@redis:6379/1"


def test_database_is_encrypted_and_checked_where_a_certificate_is_named() -> None:
    assert database_tls(kubernetes()) == {}
    named = kubernetes(database={"host": "db.example", "ca_file": "/etc/appliance/tls/database-ca.pem"})
    assert database_tls(named) == {
        "sslmode": "verify-full",
        "sslrootcert": "/etc/appliance/tls/database-ca.pem",
    }
