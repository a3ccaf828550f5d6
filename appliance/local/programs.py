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
from appliance.topology import Topology


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
    engine: ModelServer | None,
    engine_proxy: ModelServer,
    launcher: tuple[str, ...] = (),
) -> tuple[Program, ...]:
    """Every program of this installation, in the topology's order of starting; no engine without a model.

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
        "engine-proxy": Program("engine-proxy", engine_proxy.argv, {**engine_proxy.env, **models}),
        **build_application_programs(settings, topology, installation.python, webapp),
    }
    if engine is not None:
        found["engine"] = Program("engine", engine.argv, {**engine.env, **models}, stop_seconds=30)
    ranks = {component.name: rank for rank, component in enumerate(topology.programs, start=1)}
    return tuple(
        replace(found[name], argv=(*launcher, *found[name].argv), rank=rank)
        for name, rank in ranks.items()
        if name in found
    )
