"""The only place that reads the process environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
IN_IMAGE = Path(sys.prefix) / "share" / "appliance"  # what a container's image carries beside code


def default_config_path() -> Path:
    """Where ``appliance.yaml`` is read when nothing is said; it need not be there."""
    return REPOSITORY / "appliance.yaml"


def config_path() -> Path:
    """Where ``appliance.yaml`` is expected: ``APPLIANCE_CONFIG`` if set, else beside the code."""
    return Path(os.environ.get("APPLIANCE_CONFIG") or default_config_path())


def inherited(names: tuple[str, ...]) -> Mapping[str, str]:
    """The named variables that are set, for child processes with an otherwise closed environment."""
    return {name: os.environ[name] for name in names if name in os.environ}


def full() -> dict[str, str]:
    """A copy of the whole environment, for installers that honor the operator's proxy and index variables."""
    return dict(os.environ)


def set_default(name: str, value: str) -> None:
    """Set a variable for libraries that read the environment themselves, unless the operator has."""
    os.environ.setdefault(name, value)
