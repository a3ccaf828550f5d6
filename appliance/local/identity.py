"""Which system user the components run as.

PostgreSQL refuses to run as root, and nothing else here needs to be root. Started by root, every component drops to the
system user ``appliance``; started by anybody else, it stays that user.
"""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.local.errors import LocalError
from appliance.settings.files import Owner, give_tree

SYSTEM_USER = "appliance"
STATUS = Path("/proc/self/status")
CAP_DAC_READ_SEARCH = 2
READ, WRITE, ENTER = 4, 2, 1


@dataclass(frozen=True)
class Identity:
    """The user that components run as, and the argv prefix that makes a command run so."""

    uid: int
    gid: int
    prefix: tuple[str, ...]

    @property
    def owner(self) -> Owner:
        return self.uid, self.gid

    def own(self, path: Path) -> None:
        """Give ``path`` (and what is below it) to this user; does nothing for one's own identity.

        Only for what the appliance made. No link is followed, wherever one appears meanwhile, and a file that lies
        somewhere else too is refused: it may be anybody's. Raises UnsafePathError.
        """
        if self.prefix:
            give_tree(path, self.owner)


def build_prefix(uid: int, gid: int, *, reachable: bool) -> tuple[str, ...]:
    """The ``setpriv`` argv prefix for ``uid``; one that cannot enter the checkout may read and search.

    The secure bit makes access(2) count that right too: PostgreSQL asks it whether its own programs can be executed.
    """
    passed_on = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    capability = () if reachable else ("--securebits=+no_setuid_fixup", *passed_on)
    return ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *capability, "--")


def ensure_identity(*needed: Path, entered: Iterable[Path] = (), may_create: bool = True) -> Identity:
    """The identity for this process's user; as root, makes the system user when it is not there.

    ``needed`` are the folders and files that components must read, ``entered`` folders that they only pass through.
    Raises :class:`LocalError` when the user cannot be made, or cannot be given what it needs.
    """
    if os.getuid() != 0:
        return Identity(os.getuid(), os.getgid(), ())
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        if not may_create:
            return Identity(0, 0, ())  # nothing was ever started by root: there is nothing to look at as its user
        entry = _create_user()
    # setpriv clears the user's further groups, so its own is all it has.
    hidden = find_hidden(needed, entered, uid=entry.pw_uid, gid=entry.pw_gid)
    if hidden is not None and not may_pass_on(STATUS.read_text(), CAP_DAC_READ_SEARCH):
        raise LocalError(
            f"{hidden} cannot be read by the system user {SYSTEM_USER!r}, which components run as, and this root may "
            "not give it the right to (the capability CAP_DAC_READ_SEARCH). Let everybody read it, move the checkout "
            "to /opt, or run as an ordinary user."
        )
    return Identity(entry.pw_uid, entry.pw_gid, build_prefix(entry.pw_uid, entry.pw_gid, reachable=hidden is None))


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


def may_pass_on(status: str, capability: int) -> bool:
    """Is ``capability`` in the bounding set that the text of /proc/self/status tells?"""
    line = next((line for line in status.splitlines() if line.startswith("CapBnd:")), "CapBnd: 0")
    return bool(int(line.split()[1], 16) >> capability & 1)


def find_hidden(needed: Iterable[Path], entered: Iterable[Path] = (), *, uid: int, gid: int) -> Path | None:
    """The first folder that ``uid`` may not enter, or file it may not read, on the way to what is needed.

    A path is followed as it is written and as it resolves. What does not exist is not missed.
    """
    for path, bits in [*((path, READ) for path in needed), *((path, 0) for path in entered)]:
        for way in dict.fromkeys((path.resolve(), path.absolute())):
            for folder in reversed(way.parents):
                if not _allows(folder, ENTER, uid, gid):
                    return folder
            if not _allows(way, bits | ENTER if way.is_dir() else bits, uid, gid):
                return way
    return None


def may_change(folder: Path, *, uid: int, gid: int) -> bool:
    """Whether ``uid`` may rename what others have put in ``folder``; no where it does not exist yet."""
    if not folder.exists():
        return False
    return folder.stat().st_uid == uid or (
        _allows(folder, WRITE | ENTER, uid, gid) and not folder.stat().st_mode & stat.S_ISVTX
    )


def _allows(path: Path, wanted: int, uid: int, gid: int) -> bool:
    if not path.exists():
        return True
    status = path.stat()
    shift = 6 if status.st_uid == uid else 3 if status.st_gid == gid else 0
    return (status.st_mode >> shift) & wanted == wanted
