"""Play the playbooks' own roles on this machine, with its folders in the place of a host's."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from appliance.settings import environment
from appliance.settings.environment import REPOSITORY

ANSIBLE = REPOSITORY / ".venv" / "deploy" / "bin" / "ansible-playbook"
CONFIG = REPOSITORY / "ansible" / "ansible.cfg"


def play(
    folder: Path, playbook: Path, variables: Mapping[str, Any], *, places: Iterable[str] = ("app",)
) -> "subprocess.CompletedProcess[str]":
    """``folder`` keeps the inventory; each of ``places`` is a group and the one host in it."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    groups = {place: {"hosts": {place: None}} for place in places}
    inventory = {"all": {"vars": {**local, **variables}, "children": groups}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    return subprocess.run(
        [str(ANSIBLE), "-i", str(folder / "hosts.yml"), str(playbook)],
        env={**environment.full(), "ANSIBLE_CONFIG": str(CONFIG), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def write_play(path: Path, *, roles: Iterable[str], **more: Any) -> Path:
    """A playbook of these roles, for the host ``app``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = [str(REPOSITORY / "ansible" / "roles" / role) for role in roles]
    path.write_text(json.dumps([{"hosts": "app", "gather_facts": False, "roles": listed, **more}]))
    return path
