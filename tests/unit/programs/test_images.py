"""Where things lie in the images, against what the programs expect of those places."""

from pathlib import Path

from appliance.programs.images import DATA_DIR, MODELS
from inference.registry.manifest import NAME
from inference.registry.place import find_place


def test_models_of_a_volume_need_not_have_been_imported() -> None:
    """In the folder of imported models, one that came without a manifest is refused."""
    place = find_place(MODELS / "Qwen3-8B", models_dir=DATA_DIR / "model")
    assert not place.is_stored
    assert place.brought == MODELS / "Qwen3-8B" / NAME
    assert find_place(Path(DATA_DIR / "model" / "Qwen3-8B"), models_dir=DATA_DIR / "model").is_stored
