"""The embedded PostgreSQL and Redis are the real thing, reachable only through their sockets and passwords."""

from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection

from appliance.local.postgres import EmbeddedPostgres
from appliance.local.processes import find_marked
from appliance.local.redis import EmbeddedRedis
from appliance.settings import Settings
from webapp.config.celery import app


@pytest.mark.django_db
def test_database_has_pgvector_for_the_application() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT '[1,0]'::vector <=> '[0,1]'::vector, current_setting('is_superuser')")
        assert cursor.fetchone() == (1.0, "off")


def test_postgres_refuses_a_wrong_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=str(postgres.sockets), user="appliance", password="guess", dbname="appliance")


def test_redis_answers_with_its_password_only(redis_server: EmbeddedRedis) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert client.ping()
    with redis.Redis(unix_socket_path=str(redis_server.socket)) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_celery_reaches_its_broker(redis_server: EmbeddedRedis) -> None:
    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1)
        assert broker.connected


def test_both_are_found_again_without_their_supervisor(
    postgres: EmbeddedPostgres, redis_server: EmbeddedRedis, appliance_settings: Settings
) -> None:
    """They write their titles over the mark in their environment."""
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in find_marked(appliance_settings)]
    assert any(b"redis-server" in command for command in commands)
    assert any(b"/postgres\0-D" in command for command in commands)
