"""A further engine on a host: its unit, what it sees, its turn, and its port, from the one topology."""

import pytest

from appliance.rendering.host import build_host, choose_model
from appliance.rendering.nftables import build_ruleset
from appliance.rendering.site import RenderingError
from appliance.rendering.systemd import build_units
from tests.unit.rendering.sites import ADDRESSES, settings, two_hosts

FURTHER = {
    "coder": {"path": "/srv/models/coder", "port": 8411, "device": "cuda"},
    "ranks": {"path": "/srv/models/ranks", "port": 8412, "device": "cpu", "purpose": "reranking"},
}


def texts() -> dict[str, str]:
    return {unit.component: unit.text for unit in build_units(two_hosts(further_models=FURTHER), ("gpu",))}


def test_each_further_engine_has_a_unit_after_those_before_it() -> None:
    units = texts()
    assert list(units) == ["embedder", "engine", "engine-coder", "engine-ranks", "engine-proxy"]
    after = next(line for line in units["engine-ranks"].splitlines() if line.startswith("After="))
    assert after.endswith("appliance-engine.service appliance-engine-coder.service")
    assert "inference.serving.launch engine --name ranks" in units["engine-ranks"]
    assert "appliance-engine-ranks.service" in units["engine-proxy"]
    assert "RestartSec=10" in units["engine-coder"]


def test_engine_sees_gpus_by_its_own_setting() -> None:
    units = texts()
    assert "DeviceAllow=char-nvidia* rw" in units["engine-coder"]
    assert "DeviceAllow=char-nvidia* rw" not in units["engine-ranks"]
    assert "DeviceAllow=char-nvidia* rw" in units["engine-proxy"]


def test_engine_reads_what_the_others_need_to_divide_the_memory() -> None:
    folders = "BindReadOnlyPaths=-/var/lib/appliance/model/tiny -/srv/models/coder -/srv/models/ranks"
    units = texts()
    assert all(folders in units[name] for name in ("engine", "engine-coder", "engine-ranks"))


def test_ports_answer_to_the_proxy_and_to_engines_that_wait() -> None:
    rules = build_ruleset(two_hosts(further_models=FURTHER), ("gpu",))
    users = 'meta skuid { "appliance-engine", "appliance-proxy" }'
    assert f'tcp dport 8411 {users} accept comment "engine-proxy, engine-ranks -> engine-coder"' in rules
    assert 'tcp dport 8412 meta skuid "appliance-proxy" accept comment "engine-proxy -> engine-ranks"' in rules


def test_host_is_told_which_further_units_belong_to_it() -> None:
    host = build_host(settings(further_models=FURTHER), ADDRESSES, "gpu")
    assert host["further_engines"] == ["engine-coder", "engine-ranks"]
    assert host["engine_units"] == {
        "prefix": "appliance-engine-",
        "further": ["appliance-engine-coder.service", "appliance-engine-ranks.service"],
        "others": ["appliance-engine-proxy.service"],
    }
    exposure = {unit["component"]: unit["most_exposure"] for unit in host["units"]}
    assert exposure["engine-coder"] == exposure["engine"]
    assert "127.0.0.1:8412" in host["listening"]


def test_further_model_runs_where_the_inventory_says_unless_it_says_otherwise() -> None:
    given = {"further_models": {"a": {"path": "/a", "port": 1}, "b": {"path": "/b", "port": 2, "device": "cpu"}}}
    chosen = choose_model(given, model=None, device="cuda")["further_models"]
    assert (chosen["a"]["device"], chosen["b"]["device"]) == ("cuda", "cpu")


def test_fractions_beyond_the_most_are_refused_before_anything_is_installed() -> None:
    further = {"coder": {"path": "/c", "port": 8411, "memory_fraction": 0.5}}
    with pytest.raises(RenderingError, match=r"memory_fraction of engine and engine-coder are 1\.10"):
        build_host(settings(model={"device": "cuda", "memory_fraction": 0.6}, further_models=further), ADDRESSES, "gpu")
