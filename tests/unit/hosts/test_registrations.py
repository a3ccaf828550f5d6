"""What hosts tell the web application about their models: the licences that were judged go with each."""

import json

from appliance.hosts.licences import complete_registrations
from appliance.rendering.host import build_host
from tests.unit.rendering.sites import ADDRESSES, settings

FURTHER = {"coder": {"path": "/srv/models/coder", "port": 8411, "device": "cpu"}}
JUDGED = [
    {"name": "tiny", "licence": "llama3.3", "display": "Built with Llama", "problem": "", "document": {}},
    {"name": "coder", "licence": "apache-2.0", "display": "", "problem": "", "document": {}},
]


def test_each_model_goes_with_its_own_licence() -> None:
    host = build_host(settings(further_models=FURTHER), ADDRESSES, "app")
    embed, generate, further = complete_registrations(host["registrations"], JUDGED)
    assert embed[-1] == "{}"
    assert generate[:7] == ["endpoint", "set", "--role", "generate", "--url", "https://192.0.2.20:8443", "--model"]
    assert json.loads(generate[-1])["display"] == "Built with Llama"
    (coder,) = json.loads(further[-1])
    assert (coder["url"], coder["place"]) == ("https://192.0.2.20:8443/engines/coder", "further")
    assert coder["detail"]["licence"] == "apache-2.0"


def test_chosen_further_model_answers_and_the_question_expects_it() -> None:
    host = build_host(settings(further_models=FURTHER, answers={"model": "coder"}), ADDRESSES, "app")
    assert host["answering"] == "coder"
    assert host["registrations"][1][7] == "coder"


def test_without_a_model_nobody_is_expected_to_answer() -> None:
    host = build_host(settings(model={"path": None}), ADDRESSES, "app")
    assert host["answering"] is None
    assert host["registrations"][1] == ["endpoint", "clear", "--role", "generate"]
