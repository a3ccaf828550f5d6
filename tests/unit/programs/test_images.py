"""Where things lie in the images, against what the programs expect of those places."""

from appliance.programs.images import DATA_DIR, MODELS
from inference.registry.manifest import NAME
from inference.registry.place import STORED, find_place


def test_models_of_a_volume_need_not_have_been_imported() -> None:
    """In the store, a model that came without a manifest is refused, and a volume may hold a copy of one's folder."""
    folder = f"qwen{STORED}1"
    place = find_place(MODELS / folder, models_dir=DATA_DIR / "model")
    assert not place.is_stored
    assert place.brought == MODELS / folder / NAME
    assert find_place(DATA_DIR / "model" / folder, models_dir=DATA_DIR / "model").is_stored
