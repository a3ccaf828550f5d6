"""Who listens on which TCP port, read from /proc."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from appliance.doctor.facts import Listener

PROC = Path("/proc")
LISTENING = "0A"


def parse_listening(table: str) -> dict[int, str]:
    """Port to socket inode, from the text of /proc/net/tcp or tcp6."""
    found: dict[int, str] = {}
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTENING:
            found[int(fields[1].rpartition(":")[2], 16)] = fields[9]
    return found


def find_listeners(ports: Iterable[int]) -> dict[int, Listener]:
    """Listeners on ``ports``, named where this user may see who they are."""
    inodes: dict[int, str] = {}
    for name in ("tcp", "tcp6"):
        table = PROC / "net" / name
        if table.exists():
            inodes |= parse_listening(table.read_text())
    taken = {port: inodes[port] for port in ports if port in inodes}
    owners = _find_owners(set(taken.values())) if taken else {}
    return {port: Listener(port, owners.get(inode, "")) for port, inode in taken.items()}


def _find_owners(inodes: set[str]) -> dict[str, str]:
    targets = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, str] = {}
    for process in PROC.iterdir():
        if not process.name.isdigit():
            continue
        for link in _list_open_files(process) & targets.keys():
            found[targets[link]] = _describe(process)
    return found


def _list_open_files(process: Path) -> set[str]:
    """What a process has open; nothing when it ended or belongs to somebody else."""
    found = set()
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                found.add(str(link.readlink()))
    return found


def _describe(process: Path) -> str:
    command = ""
    with contextlib.suppress(OSError):
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return f"process {process.name} ({command[:80]})"
