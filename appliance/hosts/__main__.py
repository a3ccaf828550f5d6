"""``python -m appliance.hosts preflight|audit < observations.json``: everything that is wrong, as a list in JSON."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from appliance.hosts import audit, gather, preflight

VERBS = ("preflight", "audit")


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
        gpus=(host["model"] or {}).get("tensor_parallel", 1),
    )


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
    if sys.argv[1:] == ["preflight"]:
        problems = preflight.find_problems(complete_names(request["facts"]), build_needs(request))
    elif sys.argv[1:] == ["audit"]:
        problems = audit.find_problems(request["observed"], request["host"])
    else:
        sys.stderr.write(f"Usage: python -m appliance.hosts {'|'.join(VERBS)}\n")
        return 2
    sys.stdout.write(json.dumps(problems) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
