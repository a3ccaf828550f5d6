"""What the checks look at, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Listener:
    """Who listens on a port; ``process`` is empty where that may not be seen."""

    port: int
    process: str = ""


@dataclass(frozen=True)
class Facts:
    """``wanted_ports`` maps components that do not run yet to their ports. Sizes are in bytes."""

    system: str
    architecture: str
    python: tuple[int, int]
    has_venv: bool
    cpu_flags: frozenset[str]
    wants_cpu_model: bool
    has_libnuma: bool
    memory_bytes: int
    memory_available_bytes: int
    disk_free_bytes: int
    disk_needed_bytes: int
    data_dir: Path
    data_dir_problem: str
    socket_path: Path
    wanted_ports: Mapping[str, int]
    listeners: Mapping[int, Listener]
    environments: Mapping[str, str]
    has_redis: bool
    running: frozenset[str] = field(default_factory=frozenset)
