"""Models on hosts: nobody's word, another model's or other words are no acknowledgement of a licence."""

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.hosts import gather, licences
from appliance.hosts.__main__ import judge_licences
from inference.registry import licence
from inference.registry.load import load_catalogue
from inference.registry.store import write_imported

MODEL = "Llama-3.3-70B-Instruct-quantized.w4a16"
CARD = "---\nlicense: llama3.3\n---\n# A card\n"


@pytest.fixture
def offline_set(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / MODEL
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(CARD)
    (folder / "LICENSE").write_text("The words of the licence.")
    (tmp_path / "MANIFEST").write_text(f"{'a' * 64}  models/{MODEL}/LICENSE\n{'b' * 64}  other\n")
    return tmp_path


FOLDER = f"/var/lib/appliance/model/{MODEL}"


def ask(offline_set: Path, said: Any, *, name: str = MODEL, seen: Any = None) -> dict[str, Any]:
    """Of a model of the set, or of one of the site with what its host found."""
    (judged,) = judge_licences(build_question(offline_set, said, [(name, FOLDER)], seen=seen))
    return judged


def build_question(offline_set: Path, said: Any, served: list[tuple[str, str]], *, seen: Any = None) -> dict[str, Any]:
    host = {
        "configuration": "{}",
        "paths": {"data": "/var/lib/appliance"},
        "served": [{"name": name, "folder": folder} for name, folder in served],
    }
    model = "" if seen else MODEL
    return {"host": host, "set": str(offline_set), "model": model, "said": said, "seen": {FOLDER: seen}}


def acknowledge(offline_set: Path, *, by: str = "First Last", name: str = MODEL) -> dict[str, Any]:
    """As somebody writes it who read what preflight says."""
    problem = ask(offline_set, {}, name=name)["problem"]
    assert 'shows "Built with Llama"' in problem
    words = problem.rpartition('words: "')[2].partition('"')[0]
    return {name: {"acknowledged_by": by, "licence": "llama3.3", "words": words}}


def test_what_preflight_asks_for_is_what_it_accepts(offline_set: Path) -> None:
    judged = ask(offline_set, acknowledge(offline_set))
    assert (judged["problem"], judged["licence"]) == ("", "llama3.3")
    document = judged["document"]
    assert document["name"] == "First Last"
    assert document["licence_name"] == "Llama 3.3 Community License Agreement"
    assert document["model"].startswith(f"{MODEL}@")
    assert ask(offline_set, acknowledge(offline_set))["document"]["id"] == document["id"]


def test_other_weights_and_another_person_are_another_row(offline_set: Path) -> None:
    first = ask(offline_set, acknowledge(offline_set))["document"]
    other = ask(offline_set, acknowledge(offline_set, by="Somebody Else"))["document"]
    (offline_set / "MANIFEST").write_text(f"{'c' * 64}  models/{MODEL}/LICENSE\n")
    again = ask(offline_set, acknowledge(offline_set))["document"]
    assert len({first["id"], other["id"], again["id"]}) == 3
    assert again["model"] != first["model"]


@pytest.mark.parametrize(
    "changes",
    [
        {"licence": "apache-2.0"}, {"licence": None}, {"words": "0000000000000000"}, {"words": None},
        {"acknowledged_by": ""}, {"acknowledged_by": None}, {"acknowledged_by": "1"}, {"acknowledged_by": "42"},
    ],
)  # fmt: skip
def test_what_is_no_acknowledgement_is_refused(offline_set: Path, changes: dict[str, Any]) -> None:
    said = acknowledge(offline_set)
    judged = ask(offline_set, {MODEL: {**said[MODEL], **changes}})
    assert judged["document"] is None
    assert "Nobody acknowledged the licence" in judged["problem"]


@pytest.mark.parametrize("said", [{}, {"*": {}}, {MODEL: True}, {MODEL: "First Last"}, {MODEL: []}, {MODEL: None}])
def test_nothing_else_than_the_three_words_is_accepted(offline_set: Path, said: Any) -> None:
    assert ask(offline_set, said)["document"] is None


def test_other_words_beside_the_weights_are_asked_about_again(offline_set: Path) -> None:
    said = acknowledge(offline_set)
    (offline_set / "models" / MODEL / "LICENSE").write_text("Other words.")
    assert ask(offline_set, said)["document"] is None


def test_another_served_name_is_another_model(offline_set: Path) -> None:
    assert ask(offline_set, acknowledge(offline_set), name="ours")["document"] is None
    assert ask(offline_set, acknowledge(offline_set, name="ours"), name="ours")["document"] is not None


def test_card_that_names_a_freer_licence_does_not_hide_the_catalogues(offline_set: Path) -> None:
    (offline_set / "models" / MODEL / "README.md").write_text(CARD.replace("llama3.3", "mit"))
    problem = ask(offline_set, {})["problem"]
    assert 'licence: "llama3.3"' in problem
    assert "Its own card names another licence: mit." in problem


def test_model_of_the_site_is_judged_by_what_its_host_found(offline_set: Path, tmp_path: Path) -> None:
    seen = gather.gather_licence(offline_set / "models" / MODEL)
    judged = ask(tmp_path / "nowhere", acknowledge(offline_set), seen=seen)
    assert judged["document"]["model"] == f"{MODEL}@unrecorded"
    assert ask(tmp_path / "nowhere", {}, seen=seen)["document"] is None


@pytest.mark.parametrize(
    ("marker", "content"),
    [
        ("quantized.json", {"parent": {"hub_id": "meta-llama/Llama-3.3-70B-Instruct"}}),
        ("fetched.json", {"hub_id": "meta-llama/Llama-3.3-70B-Instruct"}),
    ],
)
def test_another_name_of_the_folder_hides_no_licence(tmp_path: Path, marker: str, content: Any) -> None:
    """As the engine and `models activate` know it: by what it was made from."""
    folder = tmp_path / "ours"
    folder.mkdir()
    write_imported(folder, name="ours", revision="1", kind="quantized")
    (folder / marker).write_text(json.dumps(content))
    seen = gather.gather_licence(folder)
    judged = licences.judge(load_catalogue(), seen, model="ours", folder=str(folder), said=None)
    assert (judged.licence, judged.display) == ("llama3.3", "Built with Llama")
    assert licence.find_origin(load_catalogue(), folder) == seen["origin"] == "meta-llama/Llama-3.3-70B-Instruct"


@pytest.mark.parametrize("marker", [{}, {"imported.json": {"kind": "directory"}}, {"fetched.json": {"hub_id": ""}}])
def test_quantized_json_of_a_model_that_was_not_made_here_says_nothing(tmp_path: Path, marker: dict[str, Any]) -> None:
    for name, content in {**marker, "quantized.json": {"parent": {"hub_id": "Qwen/Qwen3-8B"}}}.items():
        (tmp_path / name).write_text(json.dumps(content))
    assert gather.gather_licence(tmp_path)["origin"] == ""
    assert not licence.find_origin(load_catalogue(), tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"parent": []}', '{"parent": {"hub_id": 7}}'])
def test_marker_that_says_nothing_is_none(tmp_path: Path, content: str) -> None:
    write_imported(tmp_path, name="ours", revision="1", kind="quantized")
    (tmp_path / "quantized.json").write_text(content)
    assert gather.gather_licence(tmp_path)["origin"] == ""
    assert licence.find_origin(load_catalogue(), tmp_path) is None


def test_model_named_by_its_hub_id_is_judged_by_it(offline_set: Path) -> None:
    """Before its files are there, and whatever is in its folder."""
    folder = "/var/lib/appliance/model/meta-llama--Llama-3.3-70B-Instruct@main"
    question = build_question(offline_set, {}, [("ours", folder)])
    question["host"]["served"][0]["hub_id"] = "meta-llama/Llama-3.3-70B-Instruct"
    question["seen"] = gather.gather_licences({"folders": [folder]})
    (judged,) = judge_licences(question)
    assert (judged["licence"], judged["display"]) == ("llama3.3", "Built with Llama")


def test_every_further_model_is_asked_about_too(offline_set: Path) -> None:
    question = build_question(offline_set, acknowledge(offline_set), [("more", "/srv/more"), (MODEL, FOLDER)])
    question["seen"] = gather.gather_licences({"folders": ["/srv/more", FOLDER]})
    judged = judge_licences(question)
    assert [(each["name"], bool(each["document"])) for each in judged] == [("more", False), (MODEL, True)]
    assert judged[0]["problem"].startswith("Nobody acknowledged the licence of more.")


def test_without_a_model_nothing_is_asked(offline_set: Path) -> None:
    assert judge_licences(build_question(offline_set, {}, [])) == []


def test_hosts_read_the_same_as_the_registry(offline_set: Path) -> None:
    """gather.py is sent to hosts alone, so it has a copy."""
    assert (gather.LICENCE_FILES, gather.LICENCE_FILE_BYTES) == (licence.FILES, licence.MAX_FILE_BYTES)
    folder = offline_set / "models" / MODEL
    seen = gather.gather_licence(folder)
    sums = {Path(path): of for path, of in seen["files"].items()}
    terms = licence.build_terms(load_catalogue(), hub_id=None, card="llama3.3", folder=folder)
    assert licence.build_terms_of(load_catalogue(), hub_id=None, card="llama3.3", sums=sums) == terms
    assert licences.VARIABLE == "appliance_licences"
