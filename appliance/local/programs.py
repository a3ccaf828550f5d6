"""What each component of the embedded layout executes: pure values, which the local supervisor renders."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from appliance.local.release import Release
from appliance.programs import (
    MARKER,
    Installation,
    Program,
    build_application_programs,
    build_webapp_environment,
)
from appliance.settings import Settings
from appliance.topology import ENGINE, Topology
from inference.serving.keeper.exit_codes import EXIT_REFUSED
from inference.serving.keeper.outlook import proxy_stop_seconds, stop_seconds


class ModelServer(Protocol):
    """The shape of ``inference.serving.command.Command``."""

    @property
    def argv(self) -> tuple[str, ...]: ...
    @property
    def env(self) -> Mapping[str, str]: ...


def build_programs(
    settings: Settings,
    topology: Topology,
    installation: Installation,
    release: Release,
    *,
    postgres: tuple[str, ...],
    redis: tuple[str, ...],
    embedder: ModelServer,
    engines: Mapping[str, ModelServer],
    engine_proxy: ModelServer,
    launcher: tuple[str, ...] = (),
) -> tuple[Program, ...]:
    """Every program of this installation, in the topology's order of starting; ``engines`` by component, those that
    have a model.

    ``launcher`` goes before each command; what it starts must take its place.
    """
    marker = {MARKER: str(settings.data_dir)}
    webapp = {**build_webapp_environment(settings, installation), "APPLIANCE_RELEASE": release.webapp}
    models = {**marker, "APPLIANCE_RELEASE": release.inference}
    found = {
        # Fast shutdown: a smart one waits for clients that may never leave.
        "postgres": Program("postgres", postgres, marker, stop_signal="INT", stop_seconds=60, stops_group=False),
        "redis": Program("redis", redis, marker),
        "embedder": Program("embedder", embedder.argv, {**embedder.env, **models}),
        "engine-proxy": Program(
            "engine-proxy",
            engine_proxy.argv,
            {**engine_proxy.env, **models},
            stop_seconds=proxy_stop_seconds(settings.proxy_drain_seconds),
        ),
        **build_application_programs(settings, topology, installation.python, webapp),
    }
    for name, engine in engines.items():
        model = settings.model if name == ENGINE else settings.further_models[name.removeprefix(f"{ENGINE}-")]
        seconds, env = stop_seconds(model.drain_seconds), {**engine.env, **models}
        found[name] = Program(name, engine.argv, env, stop_seconds=seconds, stops_group=False, final_code=EXIT_REFUSED)
    ranks = rank_programs(topology)
    return tuple(
        replace(found[name], argv=(*launcher, *found[name].argv), rank=rank)
        for name, rank in ranks.items()
        if name in found
    )


def rank_programs(topology: Topology) -> dict[str, int]:
    """Places in the order of starting. Further engines share the main one's, so that none of the others moves, and is
    started again, when a further model comes or goes."""
    ranks: dict[str, int] = {}
    for component in topology.programs:
        is_further = component.command == ENGINE and component.name != ENGINE
        ranks[component.name] = ranks[ENGINE] if is_further else len(set(ranks.values())) + 1
    return ranks
