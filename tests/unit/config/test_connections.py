"""Where the web application finds PostgreSQL and Redis, in each layout."""

from pathlib import Path
from typing import Any

import pytest

from appliance.settings import Settings
from appliance.topology import build_topology
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


@pytest.mark.parametrize(
    ("database", "options"),
    [
        ({"host": "db.example"}, {"sslmode": "require"}),
        ({"host": "db.example", "allow_plaintext": True}, {}),
        ({"host": "db.example", "ca_file": "/ca.pem"}, {"sslmode": "verify-full", "sslrootcert": "/ca.pem"}),
        (
            {"host": "db.example", "ca_file": "/ca.pem", "allow_plaintext": True},
            {"sslmode": "verify-full", "sslrootcert": "/ca.pem"},
        ),
        ({"host": "127.0.0.1"}, {}),
        ({"host": "/run/postgresql"}, {}),
        ({"host": "/run/postgresql", "ca_file": "/ca.pem"}, {}),
    ],
)
def test_database_is_encrypted_over_the_network_unless_somebody_allowed_otherwise(
    database: dict[str, Any], options: dict[str, str]
) -> None:
    near = database["host"] in ("127.0.0.1", "/run/postgresql")
    settings = hosts(database=database) if near else kubernetes(database=database)
    assert database_tls(settings) == options
    assert (build_topology(settings).port("postgres").tls == "server") == bool(options)


def test_embedded_database_is_a_socket_and_needs_none() -> None:
    assert database_tls(Settings()) == {}
