"""Everything one host is given, as one JSON document: ``python -m appliance.rendering.host < inventory.json``.

The playbooks ask for it on the machine they run on, with the settings and addresses of their inventory, so that they
hold no port, path or address of their own.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from appliance.programs import Served, build_registrations, build_webapp_environment
from appliance.rendering import paths
from appliance.rendering.nftables import build_ruleset
from appliance.rendering.packages import POSTGRES, list_packages
from appliance.rendering.sandbox import model_folder
from appliance.rendering.site import PLACES, RenderingError, Site, build_site, complete_settings
from appliance.rendering.systemd import (
    INSTALLATION,
    PACKAGED,
    TARGET,
    build_guards,
    build_target,
    build_units,
    has_model,
    unit_name,
)
from appliance.settings.model import MAIN_MODEL, Model
from appliance.topology import Port, list_engines, list_further, name_engine
from appliance.topology.nodes import PROTOCOL as MEETING
from appliance.topology.nodes import has_nodes, is_headless
from inference.planning.dividing import MOST_EXPLICIT_SHARE
from inference.registry.fetched import build_folder
from inference.registry.hub_cache import MAIN

SCHEMA_VERSION = 1
EXIT_UNUSABLE = 3
# Exposure as `systemd-analyze security` counts it: vLLM compiles at run time, so it may write what it executes.
MOST_EXPOSURE = {"engine": 4.5}
USUAL_EXPOSURE = 3.0


def choose_model(settings: Mapping[str, Any], *, model: str | None, device: str) -> dict[str, Any]:
    """The settings with the model of the offline set, and the device that the inventory chose, filled in. Raises
    :class:`RenderingError` for two models: the set's replaces what is in its folder, which must not be the site's."""
    data = Path(settings.get("data_dir", paths.DATA))
    given = settings.get("model") or {}
    if model and (named := [key for key in ("path", "hub_id") if given.get(key)]):
        raise RenderingError(
            f"appliance_model and appliance_settings.model.{named[0]} both say which model is served; leave one out."
        )
    chosen: dict[str, Any] = {"device": device}
    if model:
        chosen |= {"path": str(data / "model" / model), "name": model}
    further = settings.get("further_models") or {}
    if further:  # a further model runs where the inventory says, too
        further = {name: {"device": device, **(each or {})} for name, each in further.items()}
    return {**settings, "model": {**chosen, **given}, **({"further_models": further} if further else {})}


def build_host(settings: Mapping[str, Any], addresses: Mapping[str, list[str]], place: str) -> dict[str, Any]:
    """What the host that has ``place`` gets. Raises :class:`RenderingError` for an inventory that makes no site."""
    if place not in PLACES:
        raise RenderingError(f"appliance_place is {place!r}; it is one of {', '.join(PLACES)}.")
    site = build_site(settings, addresses)
    _refuse_fractions(site)
    places = site.list_places(place)
    return {
        "schema_version": SCHEMA_VERSION,
        "places": list(places),
        "configuration": yaml.safe_dump(complete_settings(settings), sort_keys=False, allow_unicode=True),
        "target": {"name": TARGET, "text": build_target()},
        "units": [
            {
                "component": unit.component,
                "name": unit.name,
                "user": unit.user,
                "text": unit.text,
                "most_exposure": MOST_EXPOSURE.get(unit.command, USUAL_EXPOSURE),
            }
            for unit in build_units(site, places)
        ],
        "guards": build_guards(places, site.topology),
        "packaged": {
            each.name: list(PACKAGED[each.name])
            for each in site.topology.components
            if each.command == "system" and set(each.places) & set(places)
        },
        "packages": list_packages(places),
        "firewall": build_ruleset(site, places),
        "users": sorted({unit.user for unit in build_units(site, places)}),
        "paths": _list_paths(site),
        "ports": {
            component: [_describe(port) for port in site.topology.list_ports(component)] for component in _names(site)
        },
        "listening": _list_listening(site, places),
        "engine_proxy_url": _build_proxy_url(site, addresses),
        "manage_environment": build_webapp_environment(site.settings, INSTALLATION) | {"PYTHONPATH": ""},
        "model": _describe_model(site),
        "answering": _find_answering(site),
        "further_engines": list(list_further(site.settings)),
        "engine_units": {
            "prefix": unit_name(name_engine("")).removesuffix(".service"),
            "further": [unit_name(name) for name in list_further(site.settings)],
            "others": [unit_name("engine-proxy")],
        },
        "registrations": [list(each) for each in _list_registrations(site, addresses)],
        "served": _list_served(site),
        "has_nodes": has_nodes(site.settings),
        "embedding_model": site.settings.embeddings.model,
        "connections": _count_connections(site),
        "upload_mib": site.settings.ingestion.max_upload_mib,
        "names": list(site.settings.web.allowed_hosts),
        "database": {"version": POSTGRES, "name": site.settings.database.name, "user": site.settings.database.user},
    }


def list_reachable(site: Site, address: str, place: str) -> list[int]:
    """The TCP ports that a scan from ``address`` must find, and no others."""
    return sorted(
        {port.number for port in site.find_reachable(address, place) if port.number and port.transport == "tcp"}
    )


def _names(site: Site) -> list[str]:
    return list(dict.fromkeys(port.component for port in site.topology.ports))


def _describe(port: Port) -> dict[str, Any]:
    return {
        "bind": port.bind,
        "number": port.number,
        "socket": None if port.socket is None else str(port.socket),
        "health_path": port.health_path,
        "protocol": port.protocol,
    }


def _list_listening(site: Site, places: tuple[str, ...]) -> list[str]:
    """What `ss` may show on the host, as address:port of TCP."""
    return sorted(
        f"{port.bind}:{port.number}"
        for port in site.topology.ports
        if port.number is not None
        and port.transport == "tcp"
        and not (port.protocol == MEETING and is_headless(site.settings))  # it is the head's
        and set(site.topology.component(port.component).places) & set(places)
    )


def _build_proxy_url(site: Site, addresses: Mapping[str, list[str]]) -> str:
    """By address: the hosts have no way to a name server, and the certificate carries the address."""
    port = site.topology.port("engine-proxy")
    return f"{port.protocol}://{addresses['gpu'][0]}:{port.number}"


def _describe_model(site: Site) -> dict[str, Any] | None:
    """What the web application is told about the model that the engine serves."""
    if not has_model(site) or is_headless(site.settings):
        return None
    wanted = site.settings.model
    name = wanted.name or (wanted.path.name if wanted.path else str(wanted.hub_id).split("/")[-1])
    detail = {"max_context_tokens": wanted.max_context_tokens, "source": "directory", "device": wanted.device}
    return {"name": name, "folder": str(model_folder(site)), "detail": detail, "device": wanted.device,
            "tensor_parallel": wanted.tensor_parallel, "pipeline_parallel": wanted.pipeline_parallel,
            "nodes": wanted.nodes.count,
            "gpus": wanted.tensor_parallel * wanted.pipeline_parallel // wanted.nodes.count}  # fmt: skip


def _list_served(site: Site) -> list[dict[str, str]]:
    """Every model that an engine serves, by the name it is asked for, and every smaller one that guesses ahead, by its
    folder's: each has a licence to acknowledge."""
    main = _describe_model(site)
    models: dict[str, Model] = {each.served_name: each for each in site.settings.further_models.values()}
    if main:
        models[main["name"]] = site.settings.model
    served = {name: _find_source(site, model) for name, model in models.items()}
    for draft in filter(None, (model.speculative.draft for model in models.values())):
        if {"folder": str(draft)} in served.values():
            continue  # it is served by itself, too
        if draft.name in served:
            raise RenderingError(
                f"The draft model {draft} is called as a model is that is served; give its directory another name."
            )
        served[draft.name] = {"folder": str(draft)}
    return [{"name": name, **source} for name, source in served.items()]


def _find_source(site: Site, model: Model) -> dict[str, str]:
    """Where its files are, and the hub's name of one that was fetched there."""
    if model.path is not None:
        return {"folder": str(model.path)}
    hub_id = str(model.hub_id)
    folder = build_folder(site.settings.data_dir / "model", hub_id=hub_id, revision=model.revision or MAIN)
    return {"folder": str(folder), "hub_id": hub_id}


def _find_answering(site: Site) -> str | None:
    """The name of the model that answers questions; None where nobody does."""
    chosen = site.settings.answers.model
    if chosen in site.settings.engine_of_adapter:
        return chosen if site.settings.answering_engine != MAIN_MODEL or has_model(site) else None
    if chosen != MAIN_MODEL:
        return site.settings.further_models[chosen].served_name
    return site.settings.main_served_name if has_model(site) else None


def _list_registrations(site: Site, addresses: Mapping[str, list[str]]) -> list[tuple[str, ...]]:
    """What the web application is told; licences are added where the models' own files were seen."""
    main = _describe_model(site)
    served = {MAIN_MODEL: Served(main["name"], main["detail"])} if main else {}
    for name, each in site.settings.further_models.items():
        detail = {"max_context_tokens": each.max_context_tokens, "source": "directory", "device": each.device}
        served[name] = Served(each.served_name, detail)
    return build_registrations(site.settings, _build_proxy_url(site, addresses), served)


def _refuse_fractions(site: Site) -> None:
    """What each engine of a GPU host is given by hand; the rest is divided where the models are."""
    given = {
        name: model.memory_fraction
        for name, model in list_engines(site.settings).items()
        if model.memory_fraction is not None and model.device != "cpu"
    }
    if len(given) > 1 and (total := sum(given.values())) > MOST_EXPLICIT_SHARE:
        raise RenderingError(
            f"memory_fraction of {' and '.join(given)} are {total:.2f} of the GPU's memory together; "
            f"{MOST_EXPLICIT_SHARE} is the most."
        )


def _count_connections(site: Site) -> int:
    """How many PostgreSQL has to allow: web, worker and ingester have a pool each, and administration has a reserve."""
    return max(100, 3 * site.settings.database_pool_size + 20)


def _list_paths(site: Site) -> dict[str, str]:
    found = {
        "configuration": paths.CONFIGURATION, "config": paths.CONFIG, "tls": paths.TLS, "ca": paths.CA,
        "own_pair": paths.OWN_PAIR, "code": paths.CODE, "webapp_python": paths.WEBAPP_PYTHON,
        "inference_python": paths.INFERENCE_PYTHON, "documentation": paths.DOCUMENTATION,
        "offline_set": paths.OFFLINE_SET, "firewall": paths.FIREWALL, "units": paths.UNITS,
        "data": site.settings.data_dir, "secrets": site.settings.secrets_dir,
        **{f"pair_{name.replace('-', '_')}": folder for name, folder in paths.PAIRS.items()},
    }  # fmt: skip
    return {name: str(path) for name, path in found.items()}


def main() -> int:
    try:
        document = json.load(sys.stdin)
        settings = choose_model(document["settings"], model=document.get("model"), device=document["device"])
        host = build_host(settings, document["addresses"], document["place"])
    except RenderingError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_UNUSABLE
    sys.stdout.write(json.dumps(host) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
