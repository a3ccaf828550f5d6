"""The playbooks' own tasks, run by Ansible on this machine: no model is registered before its licence is in the audit.

The application's commands are a stand-in that writes down what it is asked.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from appliance.hosts.licences import judge, look_into_set
from appliance.programs import Served, build_registrations
from appliance.settings import Settings
from appliance.settings.environment import REPOSITORY
from inference.registry.load import load_catalogue
from tests.playbooks import playing

MODEL = "tiny"
STAND_IN = """
import json, sys
with open(sys.argv[1], "a") as log: log.write(json.dumps(sys.argv[2:]) + "\\n")
print({"ensure_admin": '{"created": false}', "record_acknowledgement": '{"recorded": true}'}.get(sys.argv[2], "ok"))
"""


@dataclass(frozen=True)
class Played:
    returncode: int
    output: str
    asked: list[list[str]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "set" / "models" / MODEL
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: llama3.3\n---\n")
    (tmp_path / "manage.py").write_text(STAND_IN)
    playing.write_play(tmp_path / "ansible" / "playbooks" / "play.yml", roles=["application"])
    (tmp_path / "appliance").symlink_to(REPOSITORY / "appliance")
    (tmp_path / "inference").symlink_to(REPOSITORY / "inference")
    return tmp_path


def play(site: Path, licences: Any, *, model: str | None = MODEL) -> Played:
    folder = f"/var/lib/appliance/model/{model}"
    variables = {
        "appliance_set": str(site / "set"),
        "appliance_model": model or "",
        "appliance_licences": licences,
        "appliance_manage": [sys.executable, str(site / "manage.py"), str(site / "log")],
        "appliance_host": {
            "configuration": "{}",
            "paths": {"configuration": str(site), "data": "/var/lib/appliance"},
            "served": [{"name": model, "folder": folder}] if model else [],
            "registrations": build_registrations(
                Settings(), "https://192.0.2.20:8443", {"model": Served(model, {"device": "cpu"})} if model else {}
            ),
        },
    }
    done = playing.play(site, site / "ansible" / "playbooks" / "play.yml", variables, places=("app", "gpu"))
    log = site / "log"
    asked = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return Played(done.returncode, done.stdout + done.stderr, asked)


def test_model_is_not_registered_without_somebody_who_answers_for_its_licence(site: Path) -> None:
    played = play(site, {})
    assert played.returncode == 2
    assert "Nobody acknowledged the licence of tiny." in played.output
    assert not [each for each in played.asked if each[0] in ("endpoint", "record_acknowledgement")]


def test_acknowledgement_is_in_the_audit_before_the_model_is_registered(site: Path) -> None:
    seen = look_into_set(site / "set", MODEL)
    problem = judge(load_catalogue(), seen, model=MODEL, folder=MODEL, said=None).problem
    said = yaml.safe_load(problem.partition("appliance_licences:\n")[2])
    played = play(site, said)
    assert played.returncode == 0, played.output
    verbs = [each[0] for each in played.asked]
    assert verbs.index("record_acknowledgement") < verbs.index("endpoint")
    document = json.loads(played.asked[verbs.index("record_acknowledgement")][1])
    assert (document["name"], document["licence"]) == ("First Last", "llama3.3")
    generate = next(each for each in played.asked if each[:4] == ["endpoint", "set", "--role", "generate"])
    assert json.loads(generate[generate.index("--detail") + 1]) == {
        "device": "cpu",
        "licence": "llama3.3",
        "display": "Built with Llama",
    }


def test_without_a_model_none_is_registered_and_nobody_asked(site: Path) -> None:
    played = play(site, {}, model=None)
    assert played.returncode == 0, played.output
    assert ["endpoint", "clear", "--role", "generate"] in played.asked
