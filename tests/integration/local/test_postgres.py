"""The embedded PostgreSQL and Redis are the real thing, reachable only through their sockets and passwords."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import cast

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.backends.postgresql.base import DatabaseWrapper

from appliance.local.directories import ensure_directories
from appliance.local.identity import Identity
from appliance.local.postgres import EmbeddedPostgres
from appliance.local.processes import find_marked
from appliance.local.redis import EmbeddedRedis
from appliance.settings import Settings
from appliance.settings.model import Worker
from tests.plugin import running
from webapp.config.celery import app


@pytest.mark.django_db
def test_database_has_pgvector_for_the_application() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT '[1,0]'::vector <=> '[0,1]'::vector, current_setting('is_superuser')")
        assert cursor.fetchone() == (1.0, "off")


@pytest.mark.django_db
def test_pools_together_fit_into_the_limit_of_connections(
    appliance_settings: Settings, appliance_identity: Identity
) -> None:
    busy = appliance_settings.model_copy(update={"worker": Worker(concurrency=32)})
    for wanted, pool, limit in ((appliance_settings, 24, 100), (busy, 72, 236)):
        command = EmbeddedPostgres(wanted, appliance_identity).build_command()
        assert (wanted.database_pool_size, command[-1]) == (pool, f"max_connections={limit}")
    assert cast(DatabaseWrapper, connection).pool.max_size == 24
    with connection.cursor() as cursor:
        cursor.execute("SHOW max_connections")
        assert cursor.fetchone() == ("100",)


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


@pytest.mark.django_db
def test_failing_statement_leaves_nothing_of_its_text_in_the_log(appliance_settings: Settings) -> None:
    log = appliance_settings.log_dir / "postgres.log"
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE question (text text UNIQUE, length int CHECK (length < 10))")
        for values in ("('a secret question', 1), ('a secret question', 2)", "('a secret question', 99)"):
            with pytest.raises(DatabaseError, match="question"), transaction.atomic():
                cursor.execute(f"INSERT INTO question VALUES {values}")
    said = log.read_text()
    assert "duplicate key value violates unique constraint" in said
    assert "violates check constraint" in said
    assert "a secret question" not in said


@pytest.fixture
def stale(appliance_identity: Identity) -> EmbeddedPostgres:
    """A cluster that a power loss left: its lock files name a process that is another program by now."""
    folder = Path(tempfile.mkdtemp(prefix="appl-"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(Settings(data_dir=folder / "var"), appliance_identity)
    server.initialise()
    for lock in (server.cluster / "postmaster.pid", server.sockets / ".s.PGSQL.5432.lock"):
        lock.write_text(f"{os.getpid()}\n{server.cluster}\n")
    return server


def test_lock_files_of_a_lost_server_do_not_block_the_next_start(stale: EmbeddedPostgres) -> None:
    try:
        stale.initialise()
        assert not (stale.cluster / "postmaster.pid").exists()
        assert not (stale.sockets / ".s.PGSQL.5432.lock").exists()
        (stale.cluster / "postmaster.pid").write_text("")  # cut by the power loss
        stale.initialise()
        assert not (stale.cluster / "postmaster.pid").exists()
    finally:
        shutil.rmtree(stale.settings.data_dir.parent)


def test_lock_files_of_a_running_server_are_left_alone(postgres: EmbeddedPostgres) -> None:
    before = (postgres.cluster / "postmaster.pid").read_text()
    postgres.initialise()
    assert (postgres.cluster / "postmaster.pid").read_text() == before
    assert (postgres.sockets / ".s.PGSQL.5432.lock").exists()


def test_both_start_in_a_folder_with_a_space_in_its_name(appliance_identity: Identity) -> None:
    folder = Path(tempfile.mkdtemp(prefix="appl- "))
    folder.chmod(0o755)
    settings = Settings(data_dir=folder / "var")
    ensure_directories(settings, appliance_identity)
    server = EmbeddedRedis(settings, appliance_identity)
    server.initialise()
    database = EmbeddedPostgres(settings, appliance_identity)
    database.initialise()
    try:
        with running(server.build_command(), settings.log_dir / "redis.log", server.socket.exists):
            password = settings.secret("redis").reveal()
            with redis.Redis(unix_socket_path=str(server.socket), password=password) as client:
                assert client.ping()
                assert client.config_get("dir") == {"dir": str(server.configuration.parent)}
        socket = database.sockets / ".s.PGSQL.5432"
        with running(database.build_command(), settings.log_dir / "postgres.log", socket.exists):
            assert socket.exists()
    finally:
        shutil.rmtree(folder)
