"""The programs of an installed appliance: on hosts under systemd, in a cluster in containers.

The same commands as on one machine, but for the model servers: they choose and check the model where it lies, when they
start (``inference.serving.launch``), and for PostgreSQL and Redis, which are the distribution's.
"""

from dataclasses import replace
from pathlib import Path

from appliance.programs.application import (
    Installation,
    Program,
    build_application_programs,
    build_base_environment,
    build_webapp_environment,
)
from appliance.settings import Settings
from appliance.topology import ENGINE, Topology, name_engine
from inference.serving.keeper.exit_codes import EXIT_REFUSED
from inference.serving.keeper.outlook import proxy_stop_seconds, stop_seconds

MODEL_SERVERS = ("embedder", "engine", "engine-proxy")
MODEL_STOP_SECONDS = 30


def build_installed_programs(
    settings: Settings, topology: Topology, installation: Installation, *, inference_python: Path
) -> tuple[Program, ...]:
    """In the topology's order of starting. Environments name no secret: those are files."""
    webapp = build_webapp_environment(settings, installation)
    found = {
        **build_application_programs(settings, topology, installation.python, webapp),
        **{name: _build_model_server(name, settings, installation, inference_python) for name in MODEL_SERVERS},
        **{
            name_engine(name): replace(
                _build_model_server(ENGINE, settings, installation, inference_python, "--name", name),
                name=name_engine(name),
                stop_seconds=stop_seconds(further.drain_seconds),
            )
            for name, further in settings.further_models.items()
        },
        "egress": Program("egress", _egress_command(installation.python), webapp),
    }
    return tuple(found[component.name] for component in topology.programs if component.name in found)


def _build_model_server(
    name: str, settings: Settings, installation: Installation, python: Path, *options: str
) -> Program:
    env = {
        **build_base_environment(settings),
        "APPLIANCE_CONFIG": str(installation.config),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    argv = (str(python), "-P", "-m", "inference.serving.launch", name, *options)
    if name == ENGINE:
        seconds = stop_seconds(settings.model.drain_seconds)
        return Program(name, argv, env, stop_seconds=seconds, stops_group=False, final_code=EXIT_REFUSED)
    if name == "engine-proxy":
        return Program(name, argv, env, stop_seconds=proxy_stop_seconds(settings.proxy_drain_seconds))
    return Program(name, argv, env, stop_seconds=MODEL_STOP_SECONDS)


def _egress_command(python: Path) -> tuple[str, ...]:
    return (str(python), "-P", "-m", "appliance.egress")
