"""An operator's verbs about models, on an appliance that is down: import, verify, acknowledge, activate, remove."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from appliance.cli.app import application
from appliance.cli.usage import UsageError
from appliance.local.acknowledgements import NameMissingError
from appliance.local.errors import BusyError, LocalError
from appliance.settings import load
from inference.registry.licence import build_terms
from inference.registry.load import load_catalogue
from inference.registry.store import only_one_change
from tests.engines.adapters import write_adapter
from tests.unit.inference.model_folders import CARD, edit_json, snapshot, write_model
from tests.unit.inference.test_adapters import FACTS

PERSON = ("--acknowledge-licence", "--as", "Test Person")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation of its own that nothing was started in; the components' user may enter it."""
    folder = Path(tempfile.mkdtemp(prefix="appl-"))
    folder.chmod(0o755)
    (folder / "appliance.yaml").write_text("data_dir: var\nmodel: {automatic: false, device: cpu}\n")
    monkeypatch.setenv("APPLIANCE_CONFIG", str(folder / "appliance.yaml"))
    load.cache_clear()
    yield folder
    load.cache_clear()
    shutil.rmtree(folder)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(application, ["models", *map(str, arguments)])


def say(*arguments: str | Path) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    assert document["schema_version"] == 1
    return document


def refuse(error: type[Exception], *arguments: str | Path) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, error), (result.output, result.exception)
    return str(result.exception)


def read_active(folder: Path) -> dict[str, Any] | None:
    file = folder / "var" / "model" / "active.json"
    return json.loads(file.read_text()) if file.exists() else None


def read_acknowledged(folder: Path) -> list[dict[str, Any]]:
    file = folder / "var" / "model" / "licences.json"
    return json.loads(file.read_text())["acknowledged"] if file.exists() else []


def test_model_is_imported_verified_activated_and_removed(folder: Path) -> None:
    model = write_model(folder / "small")
    done = say("import", model)
    reference = done["model"]
    assert (done["name"], done["was_there"]) == ("small", False)
    assert say("import", model)["was_there"] is True
    (row,) = say("verify")["models"]
    assert (row["model"], row["ok"], row["read_bytes"]) == (reference, True, 0)
    assert say("verify", "small", "--full")["models"][0]["read_bytes"] == row["bytes"]

    words = refuse(LocalError, "activate", "small")
    assert f"{reference} is under Apache License 2.0" in words
    assert all(each.text in words for each in load_catalogue().licences["apache-2.0"].obligations)
    assert 'models activate small --acknowledge-licence --as "First Last"' in words
    assert read_active(folder) is None
    assert read_acknowledged(folder) == []

    assert "served from the next start" in run("activate", "small", *PERSON).output
    assert read_active(folder) is not None
    (kept,) = read_acknowledged(folder)
    terms = build_terms(load_catalogue(), hub_id=None, card="apache-2.0", folder=None)
    assert (kept["name"], kept["model"], kept["licence"]) == ("Test Person", reference, "apache-2.0")
    assert (kept["text_id"], kept["recorded"]) == (terms.text_id, False)

    assert "served from the next start" in run("activate", "small").output
    assert "is in use (it was activated)" in refuse(LocalError, "remove", "small")
    assert run("activate", "auto").exit_code == 0
    assert say("remove", "small")["freed_bytes"] > 0
    assert say("verify")["models"] == []
    assert "is not among the models" in refuse(LocalError, "remove", "small")


def test_activation_is_json_for_programs_and_what_is_said_beside_it_goes_elsewhere(folder: Path) -> None:
    run("import", write_model(folder / "small"))
    (stored,) = (folder / "var" / "model").glob("small@*")
    assert say("activate", "small", *PERSON) == {
        "schema_version": 1, "asked_for": "small", "activated": {"path": str(stored), "hub_id": None, "revision": None},
        "model": None, "went_back": False, "problems": [],
    }  # fmt: skip
    assert say("activate", "auto")["activated"] is None


def test_list_has_what_is_here_with_its_size_and_whether_it_is_active(folder: Path) -> None:
    assert say("list")["here"] == []
    assert "Here" not in run("list").output
    for name in ("small", "other"):
        run("import", write_model(folder / name, name_word=name))
    run("activate", "small", *PERSON)
    other, small = say("list")["here"]
    assert other["model"].startswith("other@")
    assert (other["active"], other["in_use"]) == (False, None)
    assert (small["active"], small["in_use"]) == (True, "it was activated")
    assert small["bytes"] == sum(file.stat().st_size for file in Path(small["folder"]).iterdir())
    lines = run("list").output.splitlines()
    (head,) = (line for line in lines if line.startswith("Here"))
    assert head.split() == ["Here", "Size", "In", "use"]
    assert f"{small['model']}  0.00 GiB  it was activated" in lines


def test_list_says_of_a_damaged_record_what_it_does_not_know(folder: Path) -> None:
    for name in ("small", "other"):
        run("import", write_model(folder / name, name_word=name))
    (stored,) = (folder / "var" / "model").glob("small@*")
    (folder / "var" / "model" / "active.json").write_text("{")
    further = f"further_models: {{coder: {{path: {stored}, port: 8411, device: cpu}}}}"
    (folder / "appliance.yaml").write_text(f"data_dir: var\nmodel: {{automatic: false, device: cpu}}\n{further}\n")
    load.cache_clear()
    other, small = say("list")["here"]
    assert (other["active"], other["in_use"]) == (None, None)
    assert (small["active"], small["in_use"]) == (True, "it is the further model coder")
    listed = run("list").output
    assert f"{other['model']}  0.00 GiB  not known" in listed.splitlines()
    assert "The record of what was activated cannot be read." in listed
    assert "active.json cannot be read" in refuse(LocalError, "remove", "other"), "it may be the one that was activated"


def test_name_of_two_revisions_is_asked_about_by_every_verb(folder: Path) -> None:
    for word in ("one", "two"):
        run("import", write_model(folder / word, name_word=word), "--name", "t")
    for verb in ("activate", "show", "remove", "verify"):
        assert "t is here in 2 revisions. Say which: t@" in refuse(LocalError, verb, "t")
    first = say("list")["here"][0]["model"]
    assert say("show", first)["reference"] == first


def test_stored_model_that_the_catalogue_knows_is_shown_with_its_name_there(folder: Path) -> None:
    run("import", write_model(folder / "m"), "--hub-id", "Qwen/Qwen3-0.6B", "--revision", "main")
    run("import", write_model(folder / "stranger"))
    assert say("show", "Qwen/Qwen3-0.6B@main")["catalogue_id"] == "qwen3-0.6b"
    assert "a model of the store\n" in run("show", "Qwen/Qwen3-0.6B@main").output
    assert say("show", "stranger")["catalogue_id"] is None
    assert "a model of the store that the catalogue does not know" in run("show", "stranger").output
    assert "Closest to it: stranger@" in refuse(LocalError, "show", say("show", "stranger")["reference"][:-1])


def test_served_name_is_without_the_revision(folder: Path) -> None:
    run("import", write_model(folder / "source"), "--name", "small")
    run("activate", "small", *PERSON)
    (stored,) = (folder / "var" / "model").glob("small@*")
    document = say("show")
    assert document["model"]["name"] == "small"
    assert (document["activated"], document["reason"]) == (True, f"It was activated: the directory {stored}.")
    assert f"Why     It was activated: the directory {stored}.\n" in run("show").output


def test_model_from_a_hub_is_activated_by_its_id_with_the_catalogues_licence(folder: Path) -> None:
    run("import", write_model(folder / "m"), "--hub-id", "Qwen/Qwen3-0.6B", "--revision", "main")
    assert "Qwen/Qwen3-0.6B@main is under Apache License 2.0" in refuse(LocalError, "activate", "Qwen/Qwen3-0.6B")
    assert run("activate", "Qwen/Qwen3-0.6B", *PERSON).exit_code == 0
    assert (read_active(folder) or {})["hub_id"] == "Qwen/Qwen3-0.6B"


def test_directory_in_place_is_asked_about_again_when_it_is_another_model(folder: Path) -> None:
    model = write_model(folder / "srv")
    before = snapshot(model)
    assert run("activate", model, *PERSON).exit_code == 0
    assert run("activate", model).exit_code == 0
    assert snapshot(model) == before
    (model / "README.md").write_text(CARD + "Trained further.\n")
    assert "--renew" in refuse(LocalError, "activate", model)
    assert f"models verify {model} --renew" in run("verify", model).output
    (row,) = say("verify", model, "--renew")["models"]
    assert (row["ok"], "taken as they are now" in row["detail"]) == (True, True)
    assert "Nothing was changed" in refuse(LocalError, "activate", model)


def test_draft_models_licence_is_asked_for_with_the_models(folder: Path) -> None:
    run("import", write_model(folder / "small"))
    draft = write_model(folder / "draft")
    (draft / "README.md").write_text("---\nlicense: llama3.2\n---\n")
    says = (
        f"data_dir: var\nmodel: {{automatic: false, device: cpu, speculative: {{method: draft_model, draft: {draft}}}}}"
    )
    (folder / "appliance.yaml").write_text(says)
    load.cache_clear()
    words = refuse(LocalError, "activate", "small")
    assert "is under Apache License 2.0" in words
    assert f"{draft}@" in words
    assert "Llama 3.2" in words
    assert (read_active(folder), read_acknowledged(folder)) == (None, [])
    assert "served from the next start" in run("activate", "small", *PERSON).output
    assert [each["licence"] for each in read_acknowledged(folder)] == ["apache-2.0", "llama3.2"]
    assert run("activate", "small").exit_code == 0
    (draft / "README.md").write_text("---\nlicense: llama3.3\n---\n")
    assert "README.md" in refuse(LocalError, "activate", "small")


def test_licence_that_an_adapter_states_is_asked_for_with_the_models(folder: Path) -> None:
    model = write_model(folder / "small")
    edit_json(model / "config.json", **FACTS)
    run("import", model)
    adapters = {name: write_adapter(folder / name) for name in ("silent", "card", "text")}
    (adapters["card"] / "README.md").write_text("---\nlicense: llama3.2\n---\n")
    (adapters["text"] / "LICENSE").write_text("Ask first.\n")
    named = ", ".join(f"{name}: {path}" for name, path in adapters.items())
    says = f"data_dir: var\nmodel: {{automatic: false, device: cpu, adapters: {{{named}}}}}\n"
    (folder / "appliance.yaml").write_text(says)
    load.cache_clear()
    words = refuse(LocalError, "activate", "small")
    assert f"{adapters['card']}@" in words
    assert "Llama 3.2" in words
    assert f"Its text: {adapters['text'] / 'LICENSE'}" in words
    assert f"{adapters['silent']}@" not in words
    assert (read_active(folder), read_acknowledged(folder)) == (None, [])
    assert "served from the next start" in run("activate", "small", *PERSON).output
    assert [each["licence"] for each in read_acknowledged(folder)] == ["apache-2.0", "llama3.2", "unknown"]
    assert run("activate", "small").exit_code == 0
    (adapters["text"] / "LICENSE").write_text("Ask twice.\n")
    assert "LICENSE" in refuse(LocalError, "activate", "small")


def test_new_words_of_the_licence_are_asked_about_again(folder: Path) -> None:
    model = write_model(folder / "m")
    run("import", model)
    run("activate", "m", *PERSON)
    acknowledged = folder / "var" / "model" / "licences.json"
    text_id = read_acknowledged(folder)[0]["text_id"]
    acknowledged.write_text(acknowledged.read_text().replace(text_id, "of-older-words"))
    assert "Nothing was changed" in refuse(LocalError, "activate", "m")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--acknowledge-licence",), NameMissingError),
        (("--acknowledge-licence", "--as", "  "), NameMissingError),
        (("--acknowledge-licence", "--as", "7"), NameMissingError),
        (("--as", "Test Person"), LocalError),
    ],
)
def test_licence_is_acknowledged_by_a_person_and_on_purpose(
    folder: Path, arguments: tuple[str, ...], error: type[Exception]
) -> None:
    run("import", write_model(folder / "m"))
    refuse(error, "activate", "m", *arguments)
    assert read_active(folder) is None
    assert read_acknowledged(folder) == []


def meddle(folder: Path) -> None:
    (stored,) = (folder / "var" / "model").glob("m@*")
    (stored / "config.json").write_text("{}")


def add_code(folder: Path) -> None:
    (stored,) = (folder / "var" / "model").glob("m@*")
    (stored / "modeling.py").touch()


@pytest.mark.parametrize("spoil", [meddle, add_code])
def test_model_that_went_bad_in_the_store_is_not_activated(folder: Path, spoil: Callable[[Path], None]) -> None:
    run("import", write_model(folder / "m"))
    run("import", write_model(folder / "other", name_word="other"))
    run("activate", "other", *PERSON)
    before = read_active(folder)
    spoil(folder)
    refuse(LocalError, "activate", "m", *PERSON)
    assert read_active(folder) == before
    assert [each["model"].partition("@")[0] for each in read_acknowledged(folder)] == ["other"]
    result = run("verify")
    assert result.exit_code == 1
    assert "refused m@" in result.output
    assert "ok      other@" in result.output


@pytest.mark.parametrize("model", ["auto", "m"])
def test_broken_record_of_what_was_activated_is_left_by_activating(folder: Path, model: str) -> None:
    run("import", write_model(folder / "m"))
    active = folder / "var" / "model" / "active.json"
    active.write_text("{bad")
    assert "bin/appliance models activate" in refuse(LocalError, "show")
    result = run("activate", model, *PERSON)
    assert result.exit_code == 0, result.exception
    assert (read_active(folder) is None) == (model == "auto")


def lose_marker(stored: Path) -> None:
    (stored / "imported.json").unlink()


def damage_marker(stored: Path) -> None:
    (stored / "imported.json").write_text("{}")


@pytest.mark.parametrize("spoil", [lose_marker, damage_marker])
def test_folder_without_a_marker_is_refused_by_name_and_can_be_removed(
    folder: Path, spoil: Callable[[Path], None]
) -> None:
    model = write_model(folder / "m")
    run("import", model)
    run("import", write_model(folder / "other", name_word="other"))
    (stored,) = (folder / "var" / "model").glob("m@*")
    spoil(stored)
    before = snapshot(folder / "var" / "model")

    result = run("verify")
    assert result.exit_code == 1
    assert f"refused {stored.name}: {stored}: its marker" in result.output
    assert "ok      other@" in result.output
    for named in (stored, stored.name):
        assert "its marker" in run("verify", named).output
    words = f"bin/appliance models remove {stored.name}"
    assert words in refuse(LocalError, "import", model)
    assert stored.name in refuse(LocalError, "remove", "m")
    assert snapshot(folder / "var" / "model") == before

    assert say("remove", stored.name)["freed_bytes"] > 0
    assert not say("import", model)["was_there"]
    assert run("verify").exit_code == 0


def test_folder_without_a_marker_is_kept_while_it_is_named(folder: Path) -> None:
    run("import", write_model(folder / "m"), "--hub-id", "house/small")
    (folder / "var" / "model" / "house--small@main" / "fetched.json").write_text("{")
    (folder / "appliance.yaml").write_text("data_dir: var\nmodel: {hub_id: house/small, device: cpu}\n")
    load.cache_clear()
    assert "appliance.yaml names it" in refuse(LocalError, "remove", "house--small@main")


def test_bad_directory_is_refused_by_name_and_an_import_at_work_is_waited_for_by_nobody(folder: Path) -> None:
    bad = write_model(folder / "bad")
    (bad / "pytorch_model.bin").touch()
    assert f"{bad}/pytorch_model.bin" in refuse(LocalError, "import", bad)
    assert "no such directory or archive" in refuse(LocalError, "import", folder / "absent")
    with only_one_change(folder / "var" / "model"):
        assert "Another command is importing" in refuse(BusyError, "import", write_model(folder / "m"))


def test_model_named_in_the_settings_is_not_removed(folder: Path) -> None:
    run("import", write_model(folder / "m"))
    (stored,) = (folder / "var" / "model").glob("m@*")
    (folder / "appliance.yaml").write_text(f"data_dir: var\nmodel: {{path: {stored}, device: cpu}}\n")
    load.cache_clear()
    assert "appliance.yaml names it" in refuse(LocalError, "remove", "m")


def test_renewing_needs_a_name_outside_of_the_store(folder: Path) -> None:
    assert "name it" in refuse(UsageError, "verify", "--renew")
    stored = Path(say("import", write_model(folder / "m"))["folder"])
    for named in ("m", stored):
        assert f"models remove {stored.name}" in refuse(UsageError, "verify", named, "--renew")


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", ""), ("verify", ""), ("activate", ""), ("plan", ""), ("quantize", ""), ("quantize", "", "--discard"),
        ("compare", "", "--text", "t", "--questions", "q"), ("compare", "m", "", "--text", "t", "--questions", "q"),
        ("remove", ""), ("show", ""), ("pin", "", "--hub"),
    ],
)  # fmt: skip
def test_empty_name_is_not_the_current_directory(
    folder: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_model(folder / "m"))
    assert "the argument is empty" in refuse(UsageError, *arguments)
    if arguments[0] in ("import", "verify"):
        assert run(arguments[0], ".").exit_code == 0


def test_directory_with_links_is_not_sent_to_the_import_which_refuses_it_too(folder: Path) -> None:
    model = write_model(folder / "m")
    cache = folder / "hub"
    (cache / "models--house--small" / "snapshots").mkdir(parents=True)
    (cache / "models--house--small" / "blob").symlink_to(model)
    (folder / "elsewhere").write_text("x")
    (model / "NOTICE").hardlink_to(folder / "elsewhere")
    said = [refuse(LocalError, "import", model), refuse(LocalError, "import", cache), run("verify", model).output]
    assert all("cp -rL" in words and "models--owner--name" in words for words in said)
    assert [words for words in said if "models import" in words] == []
    copy = folder / "copy"
    shutil.copytree(model, copy)
    assert run("import", copy).exit_code == 0


def test_unsigned_model_is_neither_imported_nor_activated_where_signatures_are_required(folder: Path) -> None:
    run("import", write_model(folder / "old"))
    (folder / "key.pub").write_text("whose key it is does not matter here")
    (folder / "appliance.yaml").write_text(
        "data_dir: var\nmodel: {automatic: false, device: cpu, require_signature: true, signing_key_file: key.pub}\n"
    )
    load.cache_clear()
    assert "there is no signature" in refuse(LocalError, "import", write_model(folder / "new", name_word="new"))
    assert "there is no signature" in refuse(LocalError, "activate", "old", *PERSON)
    assert read_active(folder) is None
    assert run("verify").exit_code == 1


def test_adapter_is_imported_known_and_kept_while_it_is_named(folder: Path) -> None:
    done = say("import", write_adapter(folder / "style", base_model_name_or_path="house/small"))
    reference = done["model"]
    assert done["kind"] == "adapter"
    assert "Name it under model.adapters" in run("import", folder / "style").output
    expected = f"Adapter {reference}: LoRA of rank 8, made for house/small"
    assert expected in run("list").output
    assert [(each["adapter"], each["rank"]) for each in say("list")["adapters"]] == [(reference, 8)]
    assert run("show", "style").output.strip() == expected
    assert say("show", "style")["made_for"] == "house/small"
    assert say("verify", "style")["models"][0]["ok"]
    assert "is served beside a model" in refuse(LocalError, "activate", "style")
    assert read_active(folder) is None

    named = f"data_dir: var\nmodel: {{automatic: false, adapters: {{a: '{done['folder']}'}}}}\n"
    (folder / "appliance.yaml").write_text(named)
    load.cache_clear()
    assert "appliance.yaml names it beside the model" in refuse(LocalError, "remove", "style")
    (folder / "appliance.yaml").write_text("data_dir: var\nmodel: {automatic: false}\n")
    load.cache_clear()
    assert say("remove", "style")["freed_bytes"] > 0
