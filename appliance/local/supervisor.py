"""Start, ask and stop supervisord over its unix socket. What it runs is decided elsewhere."""

import http.client
import subprocess
import sys
import time
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from appliance.local.errors import LocalError
from appliance.local.identity import Identity
from appliance.programs import build_base_environment
from appliance.settings import Settings
from appliance.settings.files import remove_file, write_whole
from inference.serving.keeper.outlook import stop_seconds

START_SECONDS = 20
# Longer than all programs may take, which are stopped one after the other; to it comes what engines may drain.
STOP_SECONDS = 240
NOT_THERE = (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError)
FAULT_NOT_RUNNING = 70
FAULT_ALREADY_STARTED = 60
FAULT_BAD_NAME = 10
FAULT_SPAWN_ERROR = 50  # it ended before the answer was written


@dataclass(frozen=True)
class ProgramState:
    """``state`` is supervisord's: RUNNING, STARTING, STOPPED, BACKOFF, STOPPING, EXITED, FATAL or UNKNOWN."""

    name: str
    state: str
    pid: int
    started_at: int
    description: str

    @property
    def is_running(self) -> bool:
        return self.state in {"RUNNING", "STARTING"}


@dataclass(frozen=True)
class Supervisor:
    """The one supervisord of this data directory."""

    settings: Settings
    identity: Identity

    @property
    def socket(self) -> Path:
        return self.settings.run_dir / "supervisor.sock"

    @property
    def configuration(self) -> Path:
        return self.settings.run_dir / "supervisord.conf"

    @property
    def stop_seconds(self) -> int:
        """How long stopping everything may take."""
        further = sum(stop_seconds(model.drain_seconds) for model in self.settings.further_models.values())
        return STOP_SECONDS + self.settings.model.drain_seconds + self.settings.proxy_drain_seconds + further

    def find_pid(self) -> int | None:
        """The pid of the running supervisord; ``None`` when there is none (a socket left behind does not count)."""
        try:
            pid: int = self._call("getPID")
        except NOT_THERE:
            return None
        return pid

    def write_configuration(self, text: str) -> bool:
        """Write the file; true when it differs from what was there."""
        if self.configuration.exists() and self.configuration.read_text() == text:
            return False
        write_whole(self.configuration, text, mode=0o600, owner=self.identity.owner)
        return True

    def start(self) -> int:
        """Start supervisord with the written configuration, detached from this terminal; its pid."""
        remove_file(self.socket)
        command = [
            *self.identity.prefix,
            sys.executable,
            "-P",
            "-m",
            "supervisor.supervisord",
            "-c",
            str(self.configuration),
        ]
        # It becomes a daemon by itself: the command ends as soon as its child has taken over.
        result = subprocess.run(
            command, env=build_base_environment(self.settings), cwd="/", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while (pid := self.find_pid()) is None:
            if result.returncode != 0 or time.monotonic() > deadline:
                log = f"{self.settings.log_dir}/supervisor.log says more."
                raise LocalError(f"The supervisor did not start: {result.stdout.strip()[-1500:]}\n{log}")
            time.sleep(0.05)
        return pid

    def list_states(self) -> dict[str, ProgramState]:
        """Every program's state by name; empty when nothing runs."""
        try:
            rows: list[dict[str, Any]] = self._call("getAllProcessInfo")
        except NOT_THERE:
            return {}
        return {
            row["name"]: ProgramState(row["name"], row["statename"], row["pid"], row["start"], row["description"])
            for row in rows
        }

    def start_program(self, name: str) -> None:
        """Start without waiting; does nothing for one that runs. The state of one that ends at once says so."""
        self._call_tolerating("startProcess", (FAULT_ALREADY_STARTED, FAULT_SPAWN_ERROR), name, False)

    def stop_program(self, name: str) -> None:
        self._call_tolerating("stopProcess", (FAULT_NOT_RUNNING,), name, True)

    def find_changed(self) -> frozenset[str]:
        """The programs that :meth:`apply_configuration` would stop; they go on running for now."""
        _added, changed, removed = self._call("reloadConfig")[0]
        return frozenset((*changed, *removed))

    def apply_configuration(self) -> tuple[str, ...]:
        """Take over a changed file; programs that changed are stopped, to be started again. Their names."""
        added, changed, removed = self._call("reloadConfig")[0]
        for name in [*changed, *removed]:
            self._call_tolerating("stopProcess", (FAULT_NOT_RUNNING,), name, True)
            self._call("removeProcessGroup", name)
        for name in [*added, *changed]:
            self._call("addProcessGroup", name)
        return (*changed, *removed)

    def shut_down(self) -> None:
        """Stop every program in reverse order, then supervisord; returns when its process is gone."""
        pid = self.find_pid()
        if pid is None:
            return
        self._call("shutdown")
        deadline = time.monotonic() + self.stop_seconds
        while process_is_alive(pid):
            if time.monotonic() > deadline:
                raise LocalError(f"The supervisor (process {pid}) did not stop within {self.stop_seconds} seconds.")
            time.sleep(0.05)

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        except PermissionError:
            raise LocalError(
                f"The appliance in {self.settings.data_dir} belongs to another user. Run this as that user, or as root."
            ) from None
        finally:
            transport.close()

    def _call_tolerating(self, method: str, fault_codes: tuple[int, ...], *arguments: object) -> None:
        try:
            self._call(method, *arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in fault_codes:
                raise


def process_is_alive(pid: int) -> bool:
    """False also for a zombie, which only waits for its parent to look."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] not in {"Z", "X"}
