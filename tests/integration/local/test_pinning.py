"""``models pin --from`` as an operator calls it, and what import, verify and activate refuse afterwards."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from appliance.local.errors import BusyError, LocalError
from inference.registry.fetched import write_marker
from inference.registry.store import only_one_change
from inference.registry.verification import verify
from tests.integration.local.test_models import PERSON, folder, refuse, run, say
from tests.unit.inference.model_folders import FIRST, SECOND, write_model
from tests.unit.inference.test_importing import COMMIT, write_hub_cache
from tests.unit.inference.test_verification import change_a_byte

__all__ = ["folder"]  # the fixture
HUB_ID = "Qwen/Qwen3-1.7B"
OTHER = "f" * 40


def read_pins(folder: Path) -> dict[str, Any]:
    pins: dict[str, Any] = json.loads((folder / "var" / "model" / "pins.json").read_text())["pins"]
    return pins


def sum_weights(model: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in model.glob("*.safetensors")}


def test_copy_with_its_commit_fills_what_the_catalogue_has_as_null(folder: Path) -> None:
    model = write_model(folder / "m")
    before = say("show", HUB_ID)
    document = say("pin", HUB_ID, "--from", model, "--revision", COMMIT)
    assert document["pinned"][HUB_ID]["sha256"] == sum_weights(model)
    after = say("show", HUB_ID)
    facts = ("revision", "bytes_on_disk", "sha256")
    assert set(before["missing"]) - set(after["missing"]) == {f"variants[Qwen3-1.7B].{fact}" for fact in facts}
    pinned = after["pinned"][HUB_ID]
    assert pinned["facts"] == list(facts)
    assert pinned["source"] == f"pinned here on {pinned['pinned_at'][:10]}"
    assert pinned["origin"] == f"copy {model}"
    rows = {each["hub_id"]: each for row in say("list")["models"] for each in row["weights"]}
    assert (rows[HUB_ID]["revision"], rows[HUB_ID]["pinned_at"]) == (COMMIT, pinned["pinned_at"])
    assert rows["Qwen/Qwen3-8B"]["pinned_at"] is None
    assert "Weights that were pinned here: 1, the last on " in run("list").output
    plan = run("plan", HUB_ID, "--gpu", "l4").output
    assert f"Revision                 {COMMIT}, pinned here on {pinned['pinned_at'][:10]}" in plan


def test_copy_that_does_not_say_its_commit_leaves_it_null_and_a_later_one_adds_it(folder: Path) -> None:
    model = write_model(folder / "m")
    say("pin", HUB_ID, "--from", model)
    assert read_pins(folder)[HUB_ID]["revision"] is None
    assert "variants[Qwen3-1.7B].revision" in say("show", HUB_ID)["missing"]
    say("pin", HUB_ID, "--from", model, "--revision", COMMIT)
    assert (read_pins(folder)[HUB_ID]["revision"], read_pins(folder)[HUB_ID]["replaced"]) == (COMMIT, [])
    assert set(say("pin", HUB_ID, "--from", model)["unchanged"]) == {HUB_ID}


def test_cache_of_a_hub_says_its_name_and_commit_itself(folder: Path) -> None:
    cache = write_hub_cache(folder).rename(folder / "models--Qwen--Qwen3-1.7B")
    assert set(say("pin", "--all", "--from", folder)["pinned"]) == {HUB_ID}
    assert read_pins(folder)[HUB_ID]["revision"] == COMMIT
    assert "a copy of Qwen/Qwen3-1.7B, which is not among the weights" in refuse(
        LocalError, "pin", "Qwen/Qwen3-8B", "--from", cache
    )


def test_model_of_the_store_is_pinned_as_what_it_says_that_it_is(folder: Path) -> None:
    run("import", write_model(folder / "m"), "--hub-id", HUB_ID, "--revision", COMMIT)
    assert set(say("pin", "--all", "--from", folder / "var" / "model")["pinned"]) == {HUB_ID}


def test_files_that_differ_are_refused_by_name_and_replaced_only_on_purpose(folder: Path) -> None:
    model = write_model(folder / "m")
    say("pin", HUB_ID, "--from", model, "--revision", COMMIT)
    before = read_pins(folder)
    change_a_byte(model / SECOND, keep_times=True)
    words = refuse(LocalError, "pin", HUB_ID, "--from", model)
    assert f"{HUB_ID} is not what was pinned here on " in words
    assert f"{SECOND} had the SHA-256 {before[HUB_ID]['sha256'][SECOND][:12]} and has " in words
    assert FIRST not in words
    assert read_pins(folder) == before
    say("pin", HUB_ID, "--from", model, "--revision", OTHER, "--replace")
    after = read_pins(folder)[HUB_ID]
    assert (after["revision"], after["sha256"]) == (OTHER, sum_weights(model))
    assert [former["sha256"] for former in after["replaced"]] == [before[HUB_ID]["sha256"]]


def test_what_the_catalogue_states_is_not_replaced(folder: Path) -> None:
    model = write_model(folder / "m")
    words = refuse(
        LocalError, "pin", "mistralai/Mistral-7B-Instruct-v0.3", "--from", model, "--revision", OTHER, "--replace"
    )
    assert "is not what the catalogue says: the commit was " in words
    assert "What the catalogue states is not replaced" in words
    assert not (folder / "var" / "model" / "pins.json").exists()


def test_lines_for_the_catalogue_are_printed_and_nothing_is_pinned(folder: Path) -> None:
    model = write_model(folder / "m")
    result = run("pin", HUB_ID, "--from", model, "--revision", COMMIT, "--print")
    (fragment,) = yaml.safe_load(result.stdout)
    size = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    assert fragment == {
        "hub_id": HUB_ID, "revision": COMMIT, "bytes_on_disk": size, "sha256": sum_weights(model),
    }  # fmt: skip
    assert not (folder / "var" / "model" / "pins.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gpt-9", "--hub"), "There is no model 'gpt-9' in the catalogue. "),
        (("qwen3-1.7b",), "Say where to read it: --hub, or --from"),
        (("--hub",), "Name one model of the catalogue, or --all"),
        (("--all", "--from", "/nowhere"), "/nowhere is no directory"),
        ((HUB_ID, "--from", "/nowhere"), "/nowhere: this is no directory. Correct the path."),
        (("qwen3-8b", "--from", "."), "does not say which weights of qwen3-8b it has. Name them instead: "),
    ],
)  # fmt: skip
def test_what_cannot_be_pinned_is_said(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in refuse(LocalError, "pin", *arguments)


def test_bad_copies_are_refused_and_nothing_is_pinned(folder: Path) -> None:
    model = write_model(folder / "m")
    assert "does not say which commit 'main' is" in refuse(
        LocalError, "pin", HUB_ID, "--from", model, "--revision", "main"
    )
    with (model / SECOND).open("ab") as stream:
        stream.write(b"x")
    assert SECOND in refuse(LocalError, "pin", HUB_ID, "--from", model)
    assert "holds no copy that says which model" in refuse(LocalError, "pin", "--all", "--from", folder)
    assert not (folder / "var" / "model" / "pins.json").exists()


def test_pins_that_cannot_be_read_are_named_and_an_import_at_work_is_not_disturbed(folder: Path) -> None:
    model = write_model(folder / "m")
    say("pin", HUB_ID, "--from", model)
    with only_one_change(folder / "var" / "model"):
        assert "Another command" in refuse(BusyError, "pin", HUB_ID, "--from", model)
    (folder / "var" / "model" / "pins.json").write_text('{"schema_version": 1, "pins": {"x": 1}}')
    for arguments in (("list",), ("show", HUB_ID), ("pin", HUB_ID, "--from", model)):
        assert "pins.json cannot be read (2 problems). Restore it" in refuse(LocalError, *arguments)


def test_import_of_a_pinned_model_compares_its_sums(folder: Path) -> None:
    model = write_model(folder / "m")
    say("pin", HUB_ID, "--from", model, "--revision", COMMIT)
    other = write_model(folder / "other", data=16)
    words = refuse(LocalError, "import", other, "--hub-id", HUB_ID)
    assert "these are not the files that what was pinned here on " in words
    assert f"{FIRST} had the SHA-256 " in words
    assert say("verify")["models"] == []
    assert say("import", other, "--hub-id", HUB_ID, "--revision", OTHER)["was_there"] is False, "another commit"
    assert say("import", model, "--hub-id", HUB_ID, "--revision", COMMIT)["was_there"] is False


def test_import_of_a_cache_whose_branch_moved_since_it_was_pinned_is_refused(folder: Path) -> None:
    say("pin", HUB_ID, "--from", write_model(folder / "m"), "--revision", OTHER)
    cache = write_hub_cache(folder).rename(folder / "models--Qwen--Qwen3-1.7B")
    assert f"{HUB_ID}: main moved. It is the commit {COMMIT} now" in refuse(LocalError, "import", cache)
    assert say("import", cache, "--revision", COMMIT)["commit"] == COMMIT


def test_model_that_is_here_is_compared_with_what_was_pinned_since(folder: Path) -> None:
    model = write_model(folder / "m", data=16)
    run("import", model, "--hub-id", HUB_ID, "--revision", COMMIT)
    say("pin", HUB_ID, "--from", write_model(folder / "right"), "--revision", COMMIT)
    result = run("verify", HUB_ID)
    assert result.exit_code == 1
    assert "these are not the files that what was pinned here on " in result.output
    assert "these are not the files" in refuse(LocalError, "activate", HUB_ID, *PERSON)
    say("pin", HUB_ID, "--from", model, "--revision", OTHER, "--replace")
    assert run("verify", HUB_ID).exit_code == 0, "another commit was pinned, of which nothing is here"


def test_directory_that_says_it_is_a_pinned_model_is_compared_by_the_sums_of_its_check(folder: Path) -> None:
    """Not by those of a manifest that somebody put into it later, and without one too."""
    right, wrong = write_model(folder / "right"), write_model(folder / "wrong", data=16)
    say("pin", HUB_ID, "--from", right, "--revision", COMMIT)
    for model in (right, wrong):
        write_marker(model, hub_id=HUB_ID, revision=COMMIT, commit=COMMIT)
    assert run("verify", right).exit_code == 0
    for _ in ("with no manifest", "with one that lies"):
        result = run("verify", wrong)
        assert (result.exit_code, type(result.exception)) == (1, SystemExit)
        assert "these are not the files that what was pinned here on " in result.output
        sums = dict.fromkeys(("config.json", "tokenizer.json"), "0" * 64) | sum_weights(right)
        (wrong / "MANIFEST").write_text("".join(f"{of}  {name}\n" for name, of in sums.items()))


def test_directory_whose_check_cannot_be_kept_is_summed_to_be_compared(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_model(folder / "wrong", data=16)
    say("pin", HUB_ID, "--from", write_model(folder / "right"), "--revision", COMMIT)
    write_marker(model, hub_id=HUB_ID, revision=COMMIT, commit=COMMIT)
    monkeypatch.setattr("inference.registry.verification.write_record", lambda *_, **__: False)
    assert verify(model, models_dir=folder / "var" / "model").sums == {}
    assert "these are not the files that what was pinned here on " in run("verify", model).output
