"""Pin models for this installation: what a hub or a copy says about their files, kept beside the models."""

import json
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from appliance.local import environments, model_choice
from appliance.local.bootstrap.sources import Sources
from appliance.local.errors import LocalError
from appliance.local.instance import LocalAppliance
from appliance.settings import environment
from inference.registry.copies import Copy
from inference.registry.pins import Facts
from inference.serving.command import hub_facts_command


@dataclass(frozen=True)
class Answer:
    """What was found about one set of weights; or why nothing was, in a sentence without its end."""

    hub_id: str
    facts: Facts | None
    problem: str = ""


def read_version() -> str:
    """Of this appliance, as its distribution calls itself."""
    project = tomllib.loads((environment.REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return f"{project['name']} {project['version']}"


def ask_hub(local: LocalAppliance, revisions: Mapping[str, str | None]) -> list[Answer]:
    """One answer for each hub id; a revision that is None is the main branch. Raises LocalError where none came."""
    settings = local.settings
    install = settings.install
    environments.ensure("inference", Sources(install.wheelhouse, install.extra_index_url, settings.model.device))
    command = hub_facts_command(
        revisions, python=environments.ENVIRONMENTS / "inference" / "bin" / "python",
        data_dir=settings.data_dir, root=environment.REPOSITORY,
        network=environment.inherited(model_choice.NETWORK_VARIABLES),
    )  # fmt: skip
    argv = [*local.identity.prefix, *command.argv]
    result = subprocess.run(
        argv, env=command.env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise LocalError(f"The hub could not be asked: {result.stderr.strip() or result.returncode}. Try again.")
    return [_read_answer(each) for each in json.loads(result.stdout)["models"]]


def _read_answer(raw: dict[str, Any]) -> Answer:
    if "problem" in raw:
        return Answer(raw["hub_id"], None, raw["problem"])
    files = raw["files"]
    sizes = [file["bytes"] for file in files.values()]
    sums = {name: file["sha256"] for name, file in sorted(files.items())}
    facts = build_facts(
        revision=raw["commit"],
        bytes_on_disk=sum(sizes) if all(sizes) else None,
        sha256=sums if all(sums.values()) else None,
        origin=f"hub {model_choice.hub_url()}",
    )
    return Answer(raw["hub_id"], facts)


def read_copy(hub_id: str, copy: Copy) -> Answer:
    facts = build_facts(
        revision=copy.commit, bytes_on_disk=copy.bytes_on_disk, sha256=copy.sha256, origin=f"copy {copy.path}"
    )
    return Answer(hub_id, facts)


def build_facts(
    *, revision: str | None, bytes_on_disk: int | None, sha256: dict[str, str] | None, origin: str
) -> Facts:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Facts(
        revision=revision, bytes_on_disk=bytes_on_disk, sha256=sha256, origin=origin, pinned_at=now,
        tool_version=read_version(),
    )  # fmt: skip
