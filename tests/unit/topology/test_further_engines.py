"""A further model is a component like the others: every layout, rule and drawing has it from the topology."""

from appliance.programs import Installation, build_installed_programs
from appliance.settings import Settings
from appliance.topology import build_topology, list_engines
from tests.unit.topology.layouts import hosts, kubernetes

FURTHER = {
    "coder": {"path": "/srv/models/coder", "port": 8411},
    "ranks": {"path": "/srv/models/ranks", "port": 8412, "purpose": "reranking"},
}


def embedded(**more: object) -> Settings:
    return Settings.model_validate({"data_dir": "/srv/appliance", **more})


def test_further_engines_start_after_the_main_one_and_before_the_proxy() -> None:
    names = [component.name for component in build_topology(embedded(further_models=FURTHER)).programs]
    assert names[2:6] == ["embedder", "engine", "engine-coder", "engine-ranks"]
    assert names[6] == "engine-proxy"


def test_further_engine_listens_on_loopback_on_its_own_port_and_is_asked_by_the_proxy_only() -> None:
    topology = build_topology(hosts(further_models=FURTHER))
    assert topology.port("engine-coder").address == "http://127.0.0.1:8411"
    heard = {(flow.source, bool(flow.data_classes)) for flow in topology.flows if flow.target == "engine-coder"}
    assert heard == {("engine-proxy", True), ("engine-ranks", False)}  # which waits for it to have started
    ranks = next(flow for flow in topology.flows if flow.target == "engine-ranks")
    assert ranks.data_classes == ("documents", "questions", "readings")


def test_further_engine_is_where_the_main_one_is() -> None:
    topology = build_topology(hosts(further_models=FURTHER))
    engine, coder = topology.component("engine"), topology.component("engine-coder")
    assert (coder.places, coder.user, coder.command) == (engine.places, engine.user, "engine")
    assert topology.component("engine-ranks").health == "reranking"


def test_further_engine_has_a_pod_of_its_own_with_a_proxy_beside_it() -> None:
    topology = build_topology(kubernetes(further_models=FURTHER))
    assert topology.component("engine-coder").places == ("engine-coder",)
    assert topology.component("engine-proxy").places == ("engine", "embedder", "engine-coder", "engine-ranks")


def test_engines_are_listed_with_their_settings() -> None:
    engines = list_engines(embedded(further_models=FURTHER))
    assert {name: model.port for name, model in engines.items()} == {
        "engine": 8410, "engine-coder": 8411, "engine-ranks": 8412,
    }  # fmt: skip


def test_installed_engine_is_told_which_further_model_it_serves() -> None:
    settings = hosts(further_models=FURTHER)
    here = Installation(root=settings.data_dir, config=settings.data_dir, python=settings.data_dir)
    programs = build_installed_programs(settings, build_topology(settings), here, inference_python=settings.data_dir)
    coder = next(program for program in programs if program.name == "engine-coder")
    assert coder.argv[1:] == ("-P", "-m", "inference.serving.launch", "engine", "--name", "coder")
