"""Become a model server of an installed appliance: ``python -m inference.serving.launch engine``.

For systemd and containers. Reads ``appliance.yaml``, chooses and inspects the model where it lies, and replaces itself
by the server, with a closed environment. Fetches nothing: a model that is not on this machine is an error. The local
appliance has a supervisor that is told the commands instead.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Literal, get_args

from appliance.settings import Settings, SettingsError, environment, load
from inference.registry.errors import ModelError, NotFetchedError
from inference.registry.fetched import resolve_model
from inference.registry.machine import gather_machine_facts
from inference.registry.signature import build_policy
from inference.registry.verification import verify
from inference.registry.wish import build_wish
from inference.serving.argv import LOOPBACK
from inference.serving.command import Command, ProxyTls, embedder_command, engine_command, engine_proxy_command

ANY = "0.0.0.0"  # noqa: S104 - TLS with client certificates is required wherever this is used
Upstream = Literal["all", "engine", "embedder"]
EXIT_UNUSABLE = 3


def build_command(name: str, settings: Settings, *, python: Path, upstream: Upstream = "all") -> Command:
    """The command of ``engine``, ``embedder`` or ``engine-proxy``; ``upstream`` is what the proxy stands in front of.

    Raises :class:`~inference.registry.errors.ModelError` when the model is not here or may not be served.
    """
    root, data_dir = environment.REPOSITORY, settings.data_dir
    if name == "engine-proxy":
        return build_proxy_command(settings, python=python, upstream=upstream)
    if name == "embedder":
        return embedder_command(
            python=python, port=settings.embeddings.port, data_dir=data_dir, root=root, model=settings.embeddings.model
        )
    choice = resolve_model(build_wish(settings), gather_machine_facts(hub_url=None), models_dir=data_dir / "model")
    if choice.spec is None:
        raise NotFetchedError(choice.reason)
    if choice.spec.path is not None:
        verify(choice.spec.path, models_dir=data_dir / "model", policy=build_policy(settings, python=python))
    wanted = settings.model
    return engine_command(
        choice.spec, python=python, port=wanted.port, data_dir=data_dir, root=root, kv_cache_gib=wanted.kv_cache_gib,
        memory_fraction=wanted.memory_fraction,
    )  # fmt: skip


def build_proxy_command(settings: Settings, *, python: Path, upstream: Upstream = "all") -> Command:
    """In front of what answers on loopback; on every address only behind client certificates."""
    proxy = settings.engine_proxy
    tls = None
    if settings.layout != "embedded":
        assert proxy.ca_file is not None, "the settings require it"
        assert proxy.certificate_file is not None, "the settings require it"
        assert proxy.key_file is not None, "the settings require it"
        tls = ProxyTls(proxy.ca_file, proxy.certificate_file, proxy.key_file)
    ports = {"engine": settings.model.port, "embedder": settings.embeddings.port}
    urls = {name: f"http://{LOOPBACK}:{port}" for name, port in ports.items() if upstream in ("all", name)}
    return engine_proxy_command(
        python=python, host=LOOPBACK if tls is None else ANY, port=proxy.port, engine_url=urls.get("engine"),
        embedder_url=urls.get("embedder"), tls=tls, data_dir=settings.data_dir, root=environment.REPOSITORY,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Become a model server, as appliance.yaml says.")
    parser.add_argument("name", choices=("engine", "embedder", "engine-proxy"))
    parser.add_argument("--upstream", choices=get_args(Upstream), default="all", help="what the proxy stands before")
    arguments = parser.parse_args()
    try:
        settings = load()
        command = build_command(arguments.name, settings, python=Path(sys.executable), upstream=arguments.upstream)
    except (SettingsError, ModelError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_UNUSABLE)
    for folder in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        Path(command.env[folder]).mkdir(parents=True, exist_ok=True)
    os.execve(command.argv[0], command.argv, command.env)  # noqa: S606 - becomes the server


if __name__ == "__main__":
    main()
