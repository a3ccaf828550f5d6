"""The embedded Redis: its configuration and its command. It holds wake-ups and live tokens, never state."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from appliance.local.errors import LocalError
from appliance.local.identity import Identity
from appliance.settings import Settings
from appliance.settings.files import make_folder, write_whole

CONFIGURATION = """\
# Written by the appliance at each start; edits are overwritten.
port 0
unixsocket "{socket}"
unixsocketperm 700
requirepass {password}
dir "{folder}"
maxmemory-policy noeviction
appendonly no
save ""
daemonize no
set-proc-title no
loglevel notice
"""


def find_program() -> str:
    """The redis-server that came with the environment, else the system's Redis or Valkey."""
    packaged = Path(sys.executable).parent / "redis-server"
    if packaged.exists():
        return str(packaged)
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    raise LocalError(
        "There is no redis-server here: its wheel has no build for this Python. Install Debian's `redis-server` or "
        "`valkey-server` package, or use Python 3.11 or 3.12."
    )


@dataclass(frozen=True)
class EmbeddedRedis:
    """One server below ``settings.data_dir``, on a unix socket only."""

    settings: Settings
    identity: Identity

    @property
    def socket(self) -> Path:
        return self.settings.run_dir / "redis" / "redis.sock"

    @property
    def configuration(self) -> Path:
        return self.settings.data_dir / "redis" / "redis.conf"

    def build_command(self) -> list[str]:
        return [*self.identity.prefix, find_program(), str(self.configuration)]

    def initialise(self) -> None:
        """Write the configuration (mode 0600, it holds the password). Raises UnsafePathError."""
        folder = self.configuration.parent
        for each in (folder, self.socket.parent):
            make_folder(each, mode=0o700, owner=self.identity.owner)
        password = self.settings.secret("redis").reveal()
        text = CONFIGURATION.format(socket=self.socket, password=password, folder=folder)
        write_whole(self.configuration, text, mode=0o600, owner=self.identity.owner)
