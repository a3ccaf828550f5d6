"""The document that a host is given, and what an inventory is refused for."""

import subprocess
import sys
from typing import Any

import pytest
import yaml

from appliance.rendering.host import build_host, choose_model, list_reachable
from appliance.rendering.reachable import judge
from appliance.rendering.site import RenderingError, build_site
from appliance.settings import environment
from appliance.settings.model import Settings
from tests.unit.rendering.sites import ADDRESSES, ONE_HOST, settings, two_hosts


def test_settings_file_is_complete_and_says_what_the_inventory_said() -> None:
    host = build_host(settings(site={"name": "Ours"}), ADDRESSES, "app")
    read = Settings.model_validate(yaml.safe_load(host["configuration"]))
    assert (read.layout, read.site.name, read.web.https, read.web.trusted_proxies) == (
        "hosts",
        "Ours",
        True,
        ("127.0.0.1",),
    )


def test_both_hosts_get_the_same_settings_file() -> None:
    app, gpu = (build_host(settings(), ADDRESSES, place)["configuration"] for place in ("app", "gpu"))
    assert app == gpu


def test_one_host_gets_the_packages_and_ports_of_both_places() -> None:
    host = build_host(settings(), ONE_HOST, "app")
    assert {"postgresql-17", "libnuma1"} <= set(host["packages"])
    assert {"127.0.0.1:8410", "0.0.0.0:443"} <= set(host["listening"])


def test_model_of_the_set_becomes_the_path_the_engine_serves() -> None:
    chosen = choose_model({"model": {"kv_cache_gib": 0.5}}, model="tiny", device="cpu")
    assert chosen["model"] == {
        "device": "cpu",
        "path": "/var/lib/appliance/model/tiny",
        "name": "tiny",
        "kv_cache_gib": 0.5,
    }


def test_every_model_that_is_served_is_named_with_its_folder() -> None:
    further = {"ranks": {"path": "/srv/ranks", "port": 8500, "purpose": "reranking"}}
    assert build_host(settings(further_models=further), ADDRESSES, "app")["served"] == [
        {"name": "ranks", "folder": "/srv/ranks"},
        {"name": "tiny", "folder": "/var/lib/appliance/model/tiny"},
    ]


def test_fetched_model_is_looked_for_where_the_store_keeps_it() -> None:
    """Under the hub's name, which says its licence where no file is there yet."""
    further = {"ranks": {"hub_id": "owner/ranks", "revision": "v2", "port": 8500, "purpose": "reranking"}}
    given = settings(model={"path": None, "hub_id": "Qwen/Qwen3-8B"}, further_models=further)
    assert build_host(given, ADDRESSES, "app")["served"] == [
        {"name": "ranks", "folder": "/var/lib/appliance/model/owner--ranks@v2", "hub_id": "owner/ranks"},
        {"name": "Qwen3-8B", "folder": "/var/lib/appliance/model/Qwen--Qwen3-8B@main", "hub_id": "Qwen/Qwen3-8B"},
    ]


def guess_with(draft: str) -> dict[str, Any]:
    return {"speculative": {"method": "draft_model", "draft": draft}}


def test_draft_models_licence_is_asked_for_too() -> None:
    further = {"more": {"path": "/srv/more", "port": 8500, **guess_with("/srv/less")}}
    given = settings(model=guess_with("/srv/least"), further_models=further)
    named = {each["name"]: each["folder"] for each in build_host(given, ADDRESSES, "app")["served"]}
    assert (named["less"], named["least"]) == ("/srv/less", "/srv/least")
    assert len(named) == 4


def test_draft_model_that_is_served_too_is_asked_for_once() -> None:
    further = {"more": {"path": "/srv/more", "port": 8500}}
    given = settings(model=guess_with("/srv/more"), further_models=further)
    assert len(build_host(given, ADDRESSES, "app")["served"]) == 2


def test_draft_model_called_as_another_one_is_refused() -> None:
    with pytest.raises(RenderingError, match="draft model /srv/tiny is called as a model"):
        build_host(settings(model=guess_with("/srv/tiny")), ADDRESSES, "app")


@pytest.mark.parametrize("key", ["path", "hub_id"])
def test_two_models_are_refused_because_the_sets_would_replace_the_sites(key: str) -> None:
    with pytest.raises(RenderingError, match=f"appliance_model and appliance_settings.model.{key} both say"):
        choose_model({"model": {key: "/srv/models/ours"}}, model="tiny", device="cpu")
    assert (
        choose_model({"model": {key: "/srv/models/ours"}}, model="", device="cpu")["model"][key] == "/srv/models/ours"
    )


@pytest.mark.parametrize(
    ("given", "addresses", "said"),
    [
        ({"web": {"ports": 1}}, ADDRESSES, "web.ports: there is no such key; did you mean 'web.port'"),
        ({"layout": "embedded"}, ADDRESSES, "the playbooks install layout hosts"),
        ({}, {**ADDRESSES, "brwoser": ["192.0.2.0/24"]}, "Addresses of brwoser: the topology knows app, browser"),
        ({}, {**ADDRESSES, "app": ["app.example.com"]}, "Address of app: .* Write 192.0.2.7"),
        ({}, {**ADDRESSES, "gpu": []}, "No address of place gpu"),
        ({}, {**ADDRESSES, "operator": []}, "names no operator: the firewall would let nobody in through SSH"),
        ({"web": {"port": 443}}, ADDRESSES, "web.port and front_door.https_port are both 443"),
    ],
)
def test_inventory_that_makes_no_site_is_refused_in_words(given: Any, addresses: Any, said: str) -> None:
    with pytest.raises(RenderingError, match=said):
        build_site(given, addresses)


def test_program_refuses_in_words_and_without_a_traceback() -> None:
    command = [sys.executable, "-P", "-m", "appliance.rendering.host"]
    done = subprocess.run(
        command, input='{"settings": {}, "addresses": {}, "place": "app", "device": "cpu"}',
        env={"PYTHONPATH": str(environment.REPOSITORY)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "No address of place app and gpu: set appliance_address on its host.\n"


@pytest.mark.parametrize(
    ("address", "app", "gpu"),
    [
        ("192.0.2.5", [22], [22]),
        ("192.0.2.10", [], [8443]),
        ("192.0.2.20", [], []),
        ("198.51.100.7", [80, 443], []),
        ("203.0.113.1", [], []),
    ],
)
def test_reachable_ports_are_those_of_the_flows(address: str, app: list[int], gpu: list[int]) -> None:
    site = two_hosts()
    assert (list_reachable(site, address, "app"), list_reachable(site, address, "gpu")) == (app, gpu)


def test_own_host_in_the_browsers_network_is_still_held_by_its_own_firewall() -> None:
    everywhere = build_site(settings(), {**ADDRESSES, "browser": ["0.0.0.0/0"]})
    assert list_reachable(everywhere, "192.0.2.20", "app") == []
    assert list_reachable(everywhere, "203.0.113.1", "app") == [80, 443]


def test_scan_is_judged_both_ways() -> None:
    judged = judge(two_hosts(), "gpu", [{"from": "192.0.2.10", "open": [22]}, {"from": "192.0.2.5", "open": [22]}])
    assert judged["problems"] == [
        "192.0.2.10 reaches port 22, which no flow needs.",
        "192.0.2.10 does not reach port 8443.",
    ]
