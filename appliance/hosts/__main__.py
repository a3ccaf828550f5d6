"""``python -m appliance.hosts preflight|audit < observations.json``: everything that is wrong, as a list in JSON.

``python -m appliance.hosts licences`` says of each model whether its licence was acknowledged, and what to record;
``registrations`` what the web application is told about the models, with their licences; ``certificate`` what is wrong
with a given one, and what soon will be.
"""

import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from appliance.hosts import audit, certificate, gather, licences, preflight
from inference.planning.servable import find_sharing_problem
from inference.registry.own import merge_catalogue

VERBS = ("preflight", "audit", "licences", "registrations", "certificate")


def build_needs(request: dict[str, Any]) -> preflight.Needs:
    """From what a host is given and the offline set, whose sizes say how much room it takes."""
    host, folder = request["host"], Path(request["set"])
    model = folder / "models" / request["model"] if request["model"] else None
    units = {unit["component"]: (unit["name"],) for unit in host["units"]} | {
        name: tuple(names) for name, names in host["packaged"].items()
    }
    ports = {
        port["number"]: _owners(units[component])
        for component, listed in host["ports"].items()
        if component in units
        for port in listed
        if port["number"] is not None
    }
    return preflight.Needs(
        places=tuple(host["places"]),
        device=request["device"],
        names=tuple(host["names"]),
        ports=ports,
        ssh_port=host["ports"]["sshd"][0]["number"],
        operators=tuple(request["operators"]),
        code_path=host["paths"]["code"],
        data_path=host["paths"]["data"],
        set_path=host["paths"]["offline_set"],
        set_bytes=_measure(folder),
        model_bytes=sum(file.stat().st_size for file in model.glob("*.safetensors")) if model else 0,
        controller_time=time.time(),
        gpus=(host["model"] or {}).get("gpus", 1),
        nodes=(host["model"] or {}).get("nodes", 1),
        sharing=_find_sharing_problem(host["model"], model) if model else "",
    )


def _find_sharing_problem(described: dict[str, Any], model: Path) -> str:
    """In the planner's words; of the set's model, whose configuration is here."""
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    return find_sharing_problem(
        config, tensor_parallel=described["tensor_parallel"], pipeline_parallel=described["pipeline_parallel"]
    )


def judge_licences(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each model that is served. ``seen`` is what the host with the models found in their folders; the set's model
    need not be there yet."""
    host = request["host"]
    given = yaml.safe_load(host["configuration"]).get("catalogue") or {}
    own: dict[str, Any] = {"models": (), "sources": {}, "licences": {}, **given}
    catalogue = merge_catalogue(own, path=Path("appliance_settings"))
    from_set = str(Path(host["paths"]["data"]) / "model" / request["model"]) if request["model"] else None
    found = []
    for each in host["served"]:
        name, folder = each["name"], each["folder"]
        is_sets = folder == from_set
        seen = licences.look_into_set(Path(request["set"]), request["model"]) if is_sets else request["seen"][folder]
        judged = licences.judge(
            catalogue, seen, model=name, folder=folder, said=request["said"].get(name), hub_id=each.get("hub_id")
        )
        found.append({"name": name, **asdict(judged)})
    return found


def complete_names(facts: dict[str, Any]) -> dict[str, Any]:
    """What a host could not look up is looked up here: once its firewall is up, a host may ask no name server."""
    names = {name: found or gather.resolves(name) for name, found in facts["names"].items()}
    return {**facts, "names": names}


def _owners(names: tuple[str, ...]) -> tuple[str, ...]:
    """A unit, and the socket that may listen for it."""
    return (*names, *(name.replace(".service", ".socket") for name in names))


def _measure(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main() -> int:
    request = json.load(sys.stdin)
    said: Any
    if sys.argv[1:] == ["preflight"]:
        said = preflight.find_problems(complete_names(request["facts"]), build_needs(request))
    elif sys.argv[1:] == ["audit"]:
        said = audit.find_problems(request["observed"], request["host"])
    elif sys.argv[1:] == ["licences"]:
        said = judge_licences(request)
    elif sys.argv[1:] == ["registrations"]:
        said = licences.complete_registrations(request["host"]["registrations"], request["licences"])
    elif sys.argv[1:] == ["certificate"]:
        paths = Path(request["certificate"]), Path(request["key"])
        said = asdict(certificate.judge_files(*paths, request["names"], now=datetime.now(UTC)))
    else:
        sys.stderr.write(f"Usage: python -m appliance.hosts {'|'.join(VERBS)}\n")
        return 2
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
