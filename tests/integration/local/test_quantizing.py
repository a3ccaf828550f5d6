"""``models quantize`` as far as it gets without its environment: every refusal, with the store as it was.

What it makes is shown by ``tests/matrix/test_quantize.py``.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from appliance.cli.app import application
from appliance.cli.models.acknowledging import find_terms
from appliance.local import environments
from appliance.local.directories import ensure_directories
from appliance.local.errors import BusyError, LocalError
from appliance.local.instance import open_appliance
from appliance.settings import load
from inference.quantization.errors import (
    CalibrationError,
    MemoryMissingError,
    NameTakenError,
    OtherWorkError,
    RunFailedError,
)
from inference.quantization.needs import refuse_calibration
from inference.quantization.parents import find_parent
from inference.quantization.quantizing import Machine, Wish, choose_name, quantize
from inference.quantization.recipes import RECIPES
from inference.quantization.record import Parent, build_record
from inference.quantization.samples import read_samples
from inference.quantization.tensors import Tensor
from inference.quantization.work import build_work, only_one_quantization
from inference.registry import importing
from inference.registry.importing import SpaceMissingError
from inference.registry.intake import ImportRefusedError
from inference.registry.licence import find_display
from inference.registry.load import load_catalogue
from inference.registry.store import only_one_change, write_imported
from inference.registry.verification import verify
from tests.unit.inference.model_folders import snapshot
from tests.unit.inference.quantization.parents import write_parent

GIB = 1024**3


class Silent:
    def begin(self, words: str, total_bytes: int | None) -> None: ...
    def advance(self, done_bytes: int) -> None: ...


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation of its own that nothing was started in, and that installs nothing."""
    folder = Path(tempfile.mkdtemp(prefix="appl-"))
    folder.chmod(0o755)
    (folder / "appliance.yaml").write_text("data_dir: var\nmodel: {automatic: false, device: cpu}\n")
    monkeypatch.setenv("APPLIANCE_CONFIG", str(folder / "appliance.yaml"))
    monkeypatch.setattr(environments, "ensure", lambda name, sources: pytest.fail(f"{name} was installed"))
    load.cache_clear()
    local = open_appliance()
    ensure_directories(local.settings, local.identity)
    yield folder
    load.cache_clear()
    shutil.rmtree(folder)


@pytest.fixture
def parent(folder: Path) -> Path:
    return write_parent(folder / "small")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(application, ["models", *map(str, arguments)])


def refuse(error: type[Exception], *arguments: str | Path) -> str:
    result = run("quantize", *arguments)
    assert isinstance(result.exception, error), (result.output, result.exception)
    return str(result.exception)


def build_machine(folder: Path, **changes: Any) -> Machine:
    """With a program that ends at once and says nothing."""
    machine = Machine(
        models_dir=folder / "var" / "model", data_dir=folder / "var", root=folder, python=Path("/bin/false"), tools="1",
        memory_bytes=64 * GIB, prefix=(), own=lambda path: None,
    )  # fmt: skip
    return replace(machine, **changes)


def attempt(parent: Path, machine: Machine, **wish: Any) -> None:
    found = find_parent(str(parent), models_dir=machine.models_dir, catalogue=load_catalogue())
    checked = verify(found.folder, models_dir=machine.models_dir)
    wanted = Wish(**{"recipe": "w4a16", "name": choose_name(found, RECIPES["w4a16"]), "device": "cpu", **wish})
    quantize(found, checked, wanted, machine, Silent())


def test_unknown_parent_is_refused_with_what_is_there(folder: Path) -> None:
    assert "nothing is not among the models that were imported" in refuse(LocalError, "nothing", "fp8")
    assert run("quantize", "nothing", "w3a3").exit_code == 2


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "is quantised already (awq)"),
        ({"architectures": ["GPT2LMHeadModel"]}, "the architecture ['GPT2LMHeadModel'] is not served here"),
    ],
)
def test_parent_of_another_kind_is_refused(folder: Path, config: dict[str, Any], words: str) -> None:
    parent = write_parent(folder / "other", **config)
    before = snapshot(parent)
    assert words in refuse(LocalError, parent, "w4a16")
    assert snapshot(parent) == before
    assert not list((folder / "var" / "model").glob(".quantizing-*"))


def test_parent_that_changed_is_refused_before_anything_is_installed(folder: Path, parent: Path) -> None:
    assert run("import", parent).exit_code == 0
    (stored,) = (folder / "var" / "model").glob("small@*")
    with (stored / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\1")
    assert "the file is not the one that was recorded" in refuse(LocalError, "small", "w4a16")


def test_texts_that_cannot_be_used_are_refused_by_their_line(folder: Path, parent: Path) -> None:
    texts = folder / "texts.jsonl"
    assert "fp8 is not calibrated: leave --calibration out" in refuse(LocalError, parent, "fp8", "--calibration", texts)
    assert "texts.jsonl cannot be read: No such file" in refuse(LocalError, parent, "--calibration", texts)
    texts.write_text('{"text": "fine"}\n{"txt": "not"}\n')
    assert 'line 2: neither {"text"' in refuse(LocalError, parent, "--calibration", texts)
    texts.write_text('{"text": "fine"}\n' * 3)
    assert "holds 3 texts; fewer than 8" in refuse(LocalError, parent, "--calibration", texts)


def test_memory_and_disk_are_asked_about_before_anything_is_written(
    folder: Path, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = build_machine(folder)
    with pytest.raises(MemoryMissingError, match=r"needs 1\.0 GiB of memory for the largest layer"):
        attempt(parent, replace(machine, memory_bytes=GIB // 2))
    monkeypatch.setattr(importing, "SPARE_BYTES", 1024 * 1024 * GIB)
    with pytest.raises(SpaceMissingError, match="are free in"):
        attempt(parent, machine)
    assert not list(machine.models_dir.glob(".quantizing-*"))


def test_second_command_at_once_is_busy_and_an_import_is_not(folder: Path, parent: Path) -> None:
    machine = build_machine(folder)
    with only_one_quantization(machine.models_dir):
        assert "Another command is quantising a model" in refuse(BusyError, "--discard", "small-w4a16")
        with only_one_change(machine.models_dir):
            pass
        assert run("import", parent).exit_code == 0


def test_program_that_fails_leaves_work_to_go_on_with_or_discard(folder: Path, parent: Path) -> None:
    machine = build_machine(folder)
    with pytest.raises(RunFailedError, match=r"ended with 1\. What is finished is kept, and the same command goes on"):
        attempt(parent, machine)
    work = build_work(machine.models_dir, "small-w4a16")
    assert work.job.is_file()
    with pytest.raises(OtherWorkError, match="small-w4a16 was begun with another parent, recipe"):
        attempt(parent, machine, recipe="fp8")
    with pytest.raises(OtherWorkError):
        attempt(parent, replace(machine, tools="2"))
    assert "Discarded what was begun as small-w4a16" in run("quantize", "--discard", "small-w4a16").output
    assert not work.folder.exists()
    assert "Nothing was begun under the name 'small-w4a16'. Unfinished: none." in refuse(
        LocalError, "--discard", "small-w4a16"
    )


def test_only_what_was_begun_is_discarded(folder: Path, parent: Path) -> None:
    assert run("import", parent).exit_code == 0
    machine = build_machine(folder)
    with pytest.raises(RunFailedError):
        attempt(parent, machine)
    (stored,) = machine.models_dir.glob("small@*")
    before = snapshot(machine.models_dir)
    for name in (f"small-w4a16/../{stored.name}", "small-w4a16/output", ""):
        refuse(LocalError, "--discard", name)
    (machine.models_dir / ".quantizing-link").symlink_to(stored)
    assert "Unfinished: small-w4a16." in refuse(LocalError, "--discard", "link")
    (machine.models_dir / ".quantizing-link").unlink()
    assert snapshot(machine.models_dir) == before


def test_parent_of_unfinished_work_is_not_removed(folder: Path, parent: Path) -> None:
    machine = build_machine(folder)
    assert run("import", parent).exit_code == 0
    (stored,) = machine.models_dir.glob("small@*")
    with pytest.raises(RunFailedError):
        attempt(stored, machine)
    assert "is being quantised as small-w4a16" in str(run("remove", "small").exception)
    discarded = run("quantize", "--discard", "small-w4a16", "--json")
    assert json.loads(discarded.stdout) == {"schema_version": 1, "discarded": "small-w4a16"}
    assert run("remove", "small").exit_code == 0


def test_name_of_another_model_is_not_taken(folder: Path, parent: Path) -> None:
    assert run("import", parent).exit_code == 0
    with pytest.raises(NameTakenError, match=r"small@\w+ is in the store and is another model"):
        attempt(parent, build_machine(folder), name="small")
    with pytest.raises(ImportRefusedError, match="is no name"):
        attempt(parent, build_machine(folder), name="../small")


def test_mixture_of_experts_is_not_calibrated(folder: Path, parent: Path) -> None:
    with pytest.raises(CalibrationError, match="A mixture of experts is quantised without calibration"):
        refuse_calibration({"model.layers.0.mlp.experts.3.up_proj.weight": Tensor("f", "BF16", (1, 1))})


def test_parents_and_their_licence_are_those_of_the_hub(folder: Path, parent: Path) -> None:
    models_dir = build_machine(folder).models_dir
    options = ("--hub-id", "Qwen/Qwen3-0.6B", "--revision", "main")
    assert run("import", parent, *options).exit_code == 0
    found = find_parent("Qwen/Qwen3-0.6B", models_dir=models_dir, catalogue=load_catalogue())
    assert (found.reference, found.hub_id, found.name) == ("Qwen/Qwen3-0.6B@main", "Qwen/Qwen3-0.6B", "Qwen3-0.6B")
    local, result = open_appliance(), models_dir / "small-fp8@0123"
    shutil.copytree(found.folder, result)
    (result / "fetched.json").unlink()
    write_imported(result, name="small-fp8", revision="0123", kind="quantized")
    assert find_terms(local, result, hub_id=None).origin == "card"
    record = build_record(RECIPES["fp8"], Parent("r", None, "s", "Qwen/Qwen3-0.6B"), tools={}, calibrated=None)
    (result / "quantized.json").write_text(json.dumps(record))
    terms = find_terms(local, result, hub_id=None)
    assert (terms.origin, terms.id) == ("catalogue", "apache-2.0")
    llama = build_record(
        RECIPES["fp8"], Parent("r", None, "s", "meta-llama/Llama-3.2-1B-Instruct"), tools={}, calibrated=None
    )
    (result / "quantized.json").write_text(json.dumps(llama))
    assert find_display(load_catalogue(), hub_id=None, card=None, folder=result) == "Built with Llama"


def test_texts_are_chosen_by_the_seed_and_known_by_the_files_sum(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("\n\n".join(f"paragraph {number}" for number in range(20)))
    first, again, other = (read_samples(file, samples=8, max_tokens=16, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert len(first.texts) == 8
    assert first.texts != other.texts
    assert first.sha256 == other.sha256
