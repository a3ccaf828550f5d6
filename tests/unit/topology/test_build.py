"""The topology of an installation is consistent and follows its settings."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.settings import Settings, environment
from appliance.settings.model import Web
from appliance.topology import Component, DataClass, Flow, Port, Topology, TopologyError, build_topology

SETTINGS = Settings(data_dir=Path("/srv/appliance"))


def test_programs_start_with_what_others_need() -> None:
    names = [component.name for component in build_topology(SETTINGS).programs]
    assert names == [
        "postgres",
        "redis",
        "embedder",
        "engine",
        "engine-proxy",
        "web",
        "worker",
        "ingester",
        "scheduler",
    ]


def test_ports_are_those_of_the_settings() -> None:
    topology = build_topology(SETTINGS.model_copy(update={"web": Web(host="::1", port=9000)}))
    assert topology.port("web").address == "http://[::1]:9000"
    assert topology.port("engine").address == "http://127.0.0.1:8410"
    assert topology.port("postgres").address == "/srv/appliance/run/postgresql/.s.PGSQL.5432"
    assert topology.find_port("scheduler") is None


def test_only_the_web_server_listens_beyond_loopback_when_told_to() -> None:
    topology = build_topology(SETTINGS.model_copy(update={"web": Web(host="192.0.2.1")}))
    assert [port.component for port in topology.ports if port.number and port.bind != "127.0.0.1"] == ["web"]


def test_nothing_leaves() -> None:
    assert build_topology(SETTINGS).leaving == ()


def test_flow_to_somebody_outside_counts_as_leaving() -> None:
    topology = build_topology(SETTINGS)
    hub = Component("hub", "Somebody else's model hub.", "outside", "external", "none")
    port = Port("hub", "https", bind="hub.example", number=443)
    flow = Flow("engine", "hub", ("configuration",), "Fetches a model.")
    changed = replace(
        topology, components=(*topology.components, hub), ports=(*topology.ports, port), flows=(*topology.flows, flow)
    )
    assert changed.leaving == (flow,)


def test_same_port_twice_is_refused() -> None:
    with pytest.raises(TopologyError, match=r"the same port twice: 127\.0\.0\.1:8410"):
        build_topology(SETTINGS.model_copy(update={"web": Web(port=8410)}))  # past the settings' own check


A = Component("a", "One.", "front", "asgi", "http")
B = Component("b", "Other.", "state", "postgres", "postgres")
TEXT = DataClass("text", "Words.", ())
PORT = Port("b", "tcp", bind="127.0.0.1", number=1)


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (((A, A), (), (), ()), "the same component twice: a"),
        (((A,), (PORT,), (), ()), "port of unknown component 'b'"),
        (((B,), (replace(PORT, socket=Path("/s")),), (), ()), "b: one of number and socket"),
        (((A, B), (PORT,), (Flow("c", "b", (), ""),), ()), "flow from unknown component 'c'"),
        (((A, B), (PORT,), (Flow("a", "c", (), ""),), ()), "flow to unknown component 'c'"),
        (((A, B), (PORT,), (Flow("b", "a", (), ""),), ()), "flow to 'a', which listens on nothing"),
        (((A, B), (PORT,), (Flow("a", "b", (), "", protocol="udp"),), ()), "b does not speak 'udp'"),
        (((A, B), (PORT,), (Flow("a", "b", ("secrets",), ""),), (TEXT,)), "unknown data class in a -> b"),
    ],
)
def test_topology_that_contradicts_itself_is_refused(
    parts: tuple[tuple[Component, ...], tuple[Port, ...], tuple[Flow, ...], tuple[DataClass, ...]], problem: str
) -> None:
    with pytest.raises(TopologyError, match=problem):
        Topology(*parts)


def test_flow_to_a_port_that_is_local_to_another_machine_is_refused() -> None:
    app, gpu = replace(A, places=("app",)), replace(B, places=("gpu",))
    with pytest.raises(TopologyError, match="a -> b: the port is local to another place"):
        Topology((app, gpu), (PORT,), (Flow("a", "b", (), ""),), ())
    Topology((app, gpu), (replace(PORT, bind="192.0.2.1"),), (Flow("a", "b", (), ""),), ())


def test_every_data_class_is_used_and_every_component_is_described() -> None:
    topology = build_topology(SETTINGS)
    assert {name for flow in topology.flows for name in flow.data_classes} == {d.name for d in topology.data_classes}
    assert all(component.description.endswith(".") for component in topology.components)


def test_module_prints_json() -> None:
    command = [sys.executable, "-m", "appliance.topology"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=environment.REPOSITORY).stdout
    document = json.loads(printed)
    assert document["schema_version"] == 1
    assert {"components", "ports", "flows", "data_classes"} <= document.keys()
