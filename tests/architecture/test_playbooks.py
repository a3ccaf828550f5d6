"""The playbooks hold no second copy of a port or a path, and every role says what it takes."""

import re

import pytest
import yaml

from appliance.rendering import paths
from appliance.rendering.host import build_host, choose_model
from appliance.settings import Settings
from tests.architecture.tree import ROOT, list_files, name, read_text

ROLES = ROOT / "ansible" / "roles"
ELSEWHERE = ("ansible/roles/vpc/", "ansible/inventories/", "ansible/playbooks/vpc.yml")
DEFAULTS = Settings()
PORTS = {
    DEFAULTS.web.port, DEFAULTS.model.port, DEFAULTS.embeddings.port, DEFAULTS.engine_proxy.port, DEFAULTS.egress.port,
    DEFAULTS.database.port, DEFAULTS.redis.port,
}  # fmt: skip
PATHS = (paths.CONFIGURATION, paths.CODE, paths.DATA, paths.OFFLINE_SET, paths.UNITS, paths.FIREWALL)


def list_playbooks() -> dict[str, str]:
    found = [
        path for path in list_files() if name(path).startswith("ansible/") and not name(path).startswith(ELSEWHERE)
    ]
    return {name(path): text for path in found if (text := read_text(path)) is not None}


def test_playbooks_hold_no_port_of_the_topology() -> None:
    numbers = re.compile(rf"\b(?:{'|'.join(map(str, sorted(PORTS)))})\b")
    assert {path: numbers.findall(text) for path, text in list_playbooks().items() if numbers.search(text)} == {}


def test_playbooks_hold_no_path_of_ours() -> None:
    found = [(path, str(each)) for path, text in list_playbooks().items() for each in PATHS if str(each) in text]
    assert found == []


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_every_role_says_what_it_takes(role: str) -> None:
    spec = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"][
        "main"
    ]
    assert spec["short_description"].strip().endswith(".")
    assert all(option["description"] for option in spec["options"].values())


@pytest.mark.parametrize("example", ["one-host", "two-hosts"])
def test_example_inventory_makes_a_site(example: str) -> None:
    """What people copy is accepted as it is."""
    inventory = yaml.safe_load((ROOT / "ansible" / "inventories" / example / "hosts.yml").read_text(encoding="utf-8"))[
        "all"
    ]
    variables, children = inventory["vars"], inventory["children"]
    hosts = {
        **inventory.get("hosts", {}),
        **{k: v for group in children.values() for k, v in group["hosts"].items() if v},
    }
    addresses = {
        place: [hosts[host]["appliance_address"] for host in children[place]["hosts"]] for place in ("app", "gpu")
    }
    settings = choose_model(variables["appliance_settings"], model=variables["appliance_model"], device="cuda")
    for place in addresses:
        host = build_host(settings, {**addresses, **variables["appliance_networks"]}, place)
        assert len(host["units"]) == (8 if example == "one-host" else {"app": 5, "gpu": 3}[place])
