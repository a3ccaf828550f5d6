"""Run the playbooks as an operator would, from the controller's place on the network, and read what they did."""

import json
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from appliance.hosts.licences import judge, look_into_set
from appliance.local.environments import ENVIRONMENTS
from appliance.settings import environment
from inference.registry.load import load_catalogue
from tests.install.ground import BUILD, ROOT
from tests.install.namespace import Namespace
from tests.install.site import ADDRESSES, CONTROLLER, MODEL, PUBLIC_NAME

RECAP = re.compile(
    r"^(?P<host>[\w-]+) +: ok=\d+ +changed=(?P<changed>\d+) +unreachable=(?P<unreachable>\d+) +failed=(?P<failed>\d+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Outcome:
    """``changed`` and ``failed`` are counts by host."""

    returncode: int
    output: str
    seconds: float

    def _counts(self, name: str) -> dict[str, int]:
        return {match["host"]: int(match[name]) for match in RECAP.finditer(self.output)}

    @property
    def changed(self) -> dict[str, int]:
        return self._counts("changed")

    @property
    def failed(self) -> dict[str, int]:
        return {host: self._counts("failed")[host] + count for host, count in self._counts("unreachable").items()}

    def require_success(self) -> "Outcome":
        assert self.returncode == 0, self.output[-6000:]
        return self


@dataclass
class Controller:
    """The machine that Ansible runs on. ``folder`` holds its inventory, its keys and its authority."""

    network: Namespace
    folder: Path
    set_folder: Path
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def authority(self) -> Path:
        return self.folder / "tls" / "ca.pem"

    def make_key(self) -> str:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        return self.key.with_suffix(".pub").read_text()

    def write_inventory(self, host_keys: dict[str, str]) -> None:
        known = self.folder / "known_hosts"
        known.write_text("".join(f"{ADDRESSES[place]} {key}\n" for place, key in host_keys.items()))
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(self.build_inventory(known)), encoding="utf-8")

    def build_inventory(self, known_hosts: Path) -> dict[str, Any]:
        """Two hosts, as in the example; what differs is what a test differs in."""
        variables = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={known_hosts}",
            "appliance_set": str(self.set_folder),
            "appliance_tls_folder": str(self.folder / "tls"),
            "appliance_model": MODEL,
            "appliance_licences": {MODEL: self.acknowledge_licence()},
            "inference_device": "cpu",
            "appliance_networks": {"operator": [CONTROLLER], "browser": ["0.0.0.0/0"]},
            "appliance_settings": {
                "site": {"name": "Answers at Example Ltd"},
                "web": {"allowed_hosts": [PUBLIC_NAME]},
                "model": {"max_context_tokens": 8192, "kv_cache_gib": 0.5},
            },
        }
        groups = {
            place: {"hosts": {f"{place}-1": {"ansible_host": address, "appliance_address": address}}}
            for place, address in ADDRESSES.items()
        }
        return {"all": {"vars": variables, "children": groups}}

    def acknowledge_licence(self) -> dict[str, str]:
        """As preflight asks for it."""
        seen = look_into_set(self.set_folder, MODEL)
        asked = judge(load_catalogue(), seen, model=MODEL, folder=MODEL, said=None).problem
        said: dict[str, str] = yaml.safe_load(asked.rpartition("appliance_licences:\n")[2])[MODEL]
        return said

    def play(self, name: str, *arguments: str) -> Outcome:
        started = time.monotonic()
        program = str(ENVIRONMENTS / "deploy" / "bin" / "ansible-playbook")
        command = [
            program,
            "-i",
            str(self.folder / "hosts.yml"),
            str(ROOT / "ansible" / "playbooks" / f"{name}.yml"),
            *arguments,
        ]
        env = {
            **environment.full(),
            "ANSIBLE_CONFIG": str(ROOT / "ansible" / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            # Its own, so that no connection of another run, to the same address elsewhere, is taken for ours.
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "ssh"),
        }
        done = subprocess.run(self.network.enter(*command), env=env, capture_output=True, text=True, check=False)
        outcome = Outcome(done.returncode, done.stdout + done.stderr, time.monotonic() - started)
        self.note(f"{name} {' '.join(arguments)}".strip(), outcome.seconds)
        (BUILD / "logs").mkdir(exist_ok=True)
        (BUILD / "logs" / f"{len(self.seconds):02}-{name}.log").write_text(outcome.output, encoding="utf-8")
        return outcome

    def note(self, what: str, seconds: float) -> None:
        """Keep how long a phase took, for the next who asks whether the tier still fits its time."""
        self.seconds[f"{len(self.seconds) + 1:02} {what}"] = round(seconds, 1)
        (BUILD / "seconds.json").write_text(json.dumps(self.seconds, indent=2) + "\n")
