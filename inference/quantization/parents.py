"""Which model is quantised: one of the store or a directory, verified, and of a kind that the recipe is for."""

from dataclasses import dataclass
from pathlib import Path

from inference.quantization.errors import AlreadyQuantizedError
from inference.quantization.pieces import refuse_unfit
from inference.quantization.recipes import Recipe
from inference.quantization.record import Parent
from inference.quantization.tensors import Tensor, read_tensors
from inference.registry.licence import find_origin
from inference.registry.load import Catalogue
from inference.registry.store import DIGEST_CHARACTERS, find_marked, get_stored
from inference.registry.strict_json import read_object
from inference.registry.verification import Verified


@dataclass(frozen=True)
class Found:
    """``name`` is what the result is called after; ``hub_id`` is its own, ``origin`` that of the model whose licence
    its files are under, where it is known."""

    folder: Path
    name: str
    reference: str
    revision: str | None
    hub_id: str | None
    origin: str | None


def find_parent(wanted: str, *, models_dir: Path, catalogue: Catalogue) -> Found:
    """A directory where there is one of that name, else a model of the store. Raises NotStoredError."""
    path = Path(wanted).expanduser()
    if path.is_dir():
        path = path.resolve()
        stored = find_marked(path) if path.parent == models_dir.resolve() else None
        if stored is None:
            return Found(path, path.name, str(path), None, None, find_origin(catalogue, path))
    else:
        stored = get_stored(models_dir, wanted)
    hub_id = stored.name if stored.is_from_hub else None
    return Found(
        stored.folder, stored.served_name, stored.reference, stored.commit or stored.revision, hub_id,
        find_origin(catalogue, stored.folder),
    )  # fmt: skip


def build_parent(found: Found, verified: Verified) -> Parent:
    """A directory has no revision of its own: the sum of its manifest stands for it."""
    revision = found.revision or verified.manifest_sha256[:DIGEST_CHARACTERS]
    return Parent(found.reference, revision, verified.manifest_sha256, found.origin)


def read_parent(found: Found, recipe: Recipe) -> dict[str, Tensor]:
    """Its tensors. Raises AlreadyQuantizedError or ParentUnfitError."""
    config = read_object(found.folder / "config.json")
    if quantization := config.get("quantization_config"):
        method = quantization.get("quant_method") if isinstance(quantization, dict) else None
        raise AlreadyQuantizedError(
            f"{found.reference} is quantised already ({method or 'its config.json says so'}). Quantise the 16-bit "
            "model that it was made from."
        )
    tensors = read_tensors(found.folder)
    refuse_unfit(tensors, recipe, parent=found.folder)
    return tensors
