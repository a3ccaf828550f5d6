"""The local appliance as one object: its settings, its user, its topology and the parts that act on them."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from appliance.local.environments import ENVIRONMENTS
from appliance.local.errors import BusyError, LocalError
from appliance.local.health import Health, HealthChecks
from appliance.local.identity import Identity, ensure_identity
from appliance.local.management import Management
from appliance.local.model_choice import build_wish, find_activated
from appliance.local.paths import refuse_odd_path
from appliance.local.postgres import EmbeddedPostgres
from appliance.local.redis import EmbeddedRedis
from appliance.local.supervisor import ProgramState, Supervisor
from appliance.programs import Installation
from appliance.settings import Settings, environment, load
from appliance.settings.files import make_folder, open_kept
from appliance.topology import Component, Topology, build_topology


@dataclass(frozen=True)
class ComponentStatus:
    """One row of ``status``."""

    component: Component
    state: ProgramState | None
    health: Health
    address: str


@dataclass(frozen=True)
class LocalAppliance:
    """Everything on one machine, below one data directory."""

    settings: Settings
    installation: Installation
    changes_machine: bool = True

    @cached_property
    def identity(self) -> Identity:
        """As root, the user of the components, able to read all that they read outside of the data directory."""
        interpreters = (ENVIRONMENTS / name / "bin" / "python" for name in ("webapp", "inference"))
        return ensure_identity(
            self.installation.root, self.installation.config, *interpreters, *_list_model_files(self.settings),
            entered=[self.settings.data_dir.parent], may_create=self.changes_machine,
        )  # fmt: skip

    @cached_property
    def program_identity(self) -> Identity:
        """For what the supervisor starts: it already is the right user and could not change it."""
        return Identity(self.identity.uid, self.identity.gid, ())

    @cached_property
    def topology(self) -> Topology:
        return build_topology(self.settings)

    @cached_property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.settings, self.identity)

    @cached_property
    def postgres(self) -> EmbeddedPostgres:
        return EmbeddedPostgres(self.settings, self.identity)

    @cached_property
    def redis(self) -> EmbeddedRedis:
        return EmbeddedRedis(self.settings, self.identity)

    @cached_property
    def management(self) -> Management:
        return Management(self.settings, self.identity, self.installation)

    @cached_property
    def health(self) -> HealthChecks:
        return HealthChecks(self.settings, self.identity, self.topology)

    def list_running(self) -> frozenset[str]:
        return frozenset(name for name, state in self.supervisor.list_states().items() if state.is_running)

    def list_status(self) -> list[ComponentStatus]:
        """Every component's state and health; an optional one that is not configured is left out."""
        states = self.supervisor.list_states()
        rows = []
        for component in self.topology.programs:
            state = states.get(component.name)
            if state is None and component.optional:
                continue
            port = self.topology.find_port(component.name)
            health = self.health.check(component, state)
            rows.append(ComponentStatus(component, state, health, port.address if port else ""))
        return rows

    def _open_lock(self) -> IO[str]:
        folder = self.settings.data_dir
        try:
            make_folder(folder, mode=0o755)
            return open_kept(folder / "appliance.lock", "a+")
        except OSError as error:
            raise LocalError(
                f"{folder} cannot be used: {error.strerror}. Run this as the user it belongs to, free some space, or "
                "name another folder as data_dir in appliance.yaml."
            ) from None

    @contextmanager
    def only_one_change(self) -> Iterator[None]:
        """Hold this while starting or stopping; raises :class:`BusyError` when somebody else does."""
        with self._open_lock() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                raise BusyError(
                    f"Another command is starting or stopping this appliance (process {handle.read().strip()}). "
                    "Wait until it has finished, then try again."
                ) from None
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield


def _list_model_files(settings: Settings) -> list[Path]:
    """The models' directories and what is in them, where one is named or activated and can be looked into."""
    found: list[Path] = []
    with contextlib.suppress(LocalError):
        found += filter(None, [build_wish(settings, find_activated(settings)).path])
    found += [further.path for further in settings.further_models.values() if further.path is not None]
    for folder in list(found):
        with contextlib.suppress(OSError):
            found += sorted(folder.iterdir())
    return found


def open_appliance(*, changes_machine: bool = True) -> LocalAppliance:
    """The appliance that ``appliance.yaml`` describes; without ``changes_machine`` for verbs that only look.

    Raises :class:`appliance.settings.SettingsError`.
    """
    config = environment.config_path()
    installation = Installation(environment.REPOSITORY, Path(config).absolute(), Path(sys.executable))
    settings = load()
    refuse_odd_path(installation.root, what="The checkout's folder")
    refuse_odd_path(installation.config, what="The configuration file")
    refuse_odd_path(settings.data_dir, what="data_dir")
    return LocalAppliance(settings, installation, changes_machine)
