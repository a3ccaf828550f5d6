"""Which system user the components run as.

PostgreSQL refuses to run as root, and nothing else here needs to be root. Started by root, every component drops to the
system user ``appliance``; started by anybody else, it stays that user.
"""

import grp
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from appliance.local.errors import LocalError

SYSTEM_USER = "appliance"


@dataclass(frozen=True)
class Identity:
    """The user that components run as, and the argv prefix that makes a command run so."""

    uid: int
    gid: int
    prefix: tuple[str, ...]

    def own(self, path: Path) -> None:
        """Give ``path`` (and what is below it) to this user; does nothing for one's own identity.

        Only for what the appliance made. No link is followed, wherever one appears meanwhile.
        """
        if self.prefix:
            for _, _, names, folder in os.fwalk(path):
                os.fchown(folder, self.uid, self.gid)
                for name in names:
                    os.chown(name, self.uid, self.gid, dir_fd=folder, follow_symlinks=False)


def build_prefix(uid: int, gid: int, *, reachable: bool) -> tuple[str, ...]:
    """The ``setpriv`` argv prefix for ``uid``; one that cannot enter the checkout may read and search."""
    capability = () if reachable else ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    return ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *capability, "--")


def ensure_identity(*roots: Path) -> Identity:
    """The identity for this process's user; as root, makes the system user when it is not there.

    ``roots`` are the folders that components must enter. Raises :class:`LocalError` when the user cannot be made.
    """
    if os.getuid() != 0:
        return Identity(os.getuid(), os.getgid(), ())
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        entry = _create_user()
    reachable = all(_enterable(root, entry.pw_uid) for root in roots)
    return Identity(entry.pw_uid, entry.pw_gid, build_prefix(entry.pw_uid, entry.pw_gid, reachable=reachable))


def _create_user() -> pwd.struct_passwd:
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "--user-group", SYSTEM_USER]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise LocalError(
            f"Running as root needs the system user {SYSTEM_USER!r}, and making it failed: {result.stderr.strip()}. "
            f"Make it with `{' '.join(command)}`, or run as an ordinary user."
        ) from None


def _enterable(root: Path, uid: int) -> bool:
    name = pwd.getpwuid(uid).pw_name
    groups = {entry.gr_gid for entry in grp.getgrall() if name in entry.gr_mem} | {pwd.getpwuid(uid).pw_gid}
    for folder in [root.resolve(), *root.resolve().parents]:
        if not folder.exists():
            continue
        status = folder.stat()
        shift = 6 if status.st_uid == uid else 3 if status.st_gid in groups else 0
        if not (status.st_mode >> shift) & 1:
            return False
    return True
