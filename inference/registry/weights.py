"""Safetensors weights: each header describes exactly the bytes that are there, and the index says the same.

The format: eight bytes with the header's length, the header as JSON, the tensors' bytes without gaps.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from inference.registry import strict_json
from inference.registry.errors import WeightsMissingError
from inference.registry.refusals import HeaderError, IndexLiesError, SecondCopyError
from inference.registry.strict_json import COPY_AGAIN
from inference.registry.tree import Files

MAX_HEADER_BYTES = 100 * 1024 * 1024  # the format's own limit
MAX_DIMENSIONS = 8
LARGEST = 2**63
# Bits of one element, by the format's name.
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
Tensors = dict[str, int]  # name to bytes
Shapes = dict[str, tuple[int, ...]]
SECOND_COPY = "consolidated"  # how Mistral AI's own format of the same weights begins, in the same repository


def list_loaded(names: Iterable[str]) -> list[str]:
    """The files of a model's weights that vLLM loads: at the top, and not a second copy in another format."""
    top = [name for name in names if name.endswith(".safetensors") and "/" not in name]
    return [name for name in top if not name.startswith(SECOND_COPY)] or top


def measure_weights(root: Path, files: Files) -> int:
    """The bytes of the files that are loaded. Raises WeightsMissingError, HeaderError, IndexLiesError or
    SecondCopyError."""
    indexes = {name: _read_index(root / name) for name in files if name.endswith(".safetensors.index.json")}
    shards = [name for name in files if name.endswith(".safetensors")]
    for index, weight_map in indexes.items():
        folder = Path(index).parent
        for shard in sorted(set(weight_map.values())):
            if (folder / shard).as_posix() not in files:
                raise WeightsMissingError(
                    root / folder / shard, f"the file that {Path(index).name} names is missing.", COPY_AGAIN
                )
    top = [name for name in shards if "/" not in name]
    if not top:
        raise WeightsMissingError(root, "there is no *.safetensors file.", "Choose a model with safetensors weights.")
    tensors = {name: read_header(root / name) for name in shards}
    for index, weight_map in indexes.items():
        _refuse_lies(root / index, weight_map, {Path(name).name: of for name, of in tensors.items()
                                                if Path(name).parent == Path(index).parent})  # fmt: skip
    loaded = list_loaded(top)
    if not indexes:
        if len(loaded) < len(top):
            second = next(name for name in top if name not in loaded)
            raise SecondCopyError(
                root / second, "it is a second copy of the weights, and without an index vLLM loads both.", "Remove it."
            )
        _refuse_repetition(root, {name: tensors[name] for name in top})
    return sum(files[name].st_size for name in loaded)


def read_shapes(file: Path) -> Shapes:
    """The shape of each tensor of a file that is whole. Raises WeightsMissingError or HeaderError."""
    read_header(file)
    with file.open("rb") as stream:
        header = strict_json.parse(stream.read(int.from_bytes(stream.read(8), "little")))
    return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}


def read_header(file: Path) -> Tensors:
    """The tensors of a file whose length is what its header promises. Raises WeightsMissingError or HeaderError."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        header_bytes = int.from_bytes(stream.read(8), "little")
        if MAX_HEADER_BYTES < header_bytes <= size - 8:
            raise HeaderError(file, f"its header is longer than {MAX_HEADER_BYTES} bytes.", COPY_AGAIN)
        if not 0 < header_bytes <= size - 8:
            raise WeightsMissingError(file, "the file is not safetensors, or is cut short.", COPY_AGAIN)
        raw = stream.read(header_bytes)
    try:
        header = strict_json.parse(raw)
    except strict_json.RepeatedKey as error:
        raise HeaderError(file, f"its header names {error.args[0]!r} twice.", COPY_AGAIN) from None
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise WeightsMissingError(file, "the file is not safetensors.", COPY_AGAIN)
    header.pop("__metadata__", None)
    spans = sorted((*_read_entry(file, name, entry), name) for name, entry in header.items())
    end = spans[-1][1] if spans else 0
    if 8 + header_bytes + end != size:
        raise WeightsMissingError(
            file, f"the file has {size} bytes, its header promises {8 + header_bytes + end}.", COPY_AGAIN
        )
    _refuse_gaps(file, spans)
    return {name: stop - start for start, stop, name in spans}


def _read_entry(file: Path, name: str, entry: Any) -> tuple[int, int]:
    try:
        (start, stop), shape, kind = entry["data_offsets"], entry["shape"], entry["dtype"]
        numbers = [start, stop, *shape]
        fine = all(type(number) is int and 0 <= number < LARGEST for number in numbers) and len(shape) <= MAX_DIMENSIONS
    except (KeyError, TypeError, ValueError):
        fine = False
    if not fine:
        raise HeaderError(file, f"its header has no possible shape and place for {name!r}.", COPY_AGAIN)
    if not isinstance(kind, str) or kind not in BITS:
        raise HeaderError(file, f"its header says that {name!r} is of the unknown type {kind!r}.", COPY_AGAIN)
    wanted = BITS[kind]
    for length in shape:
        wanted *= length
    if (stop - start) * 8 != wanted:
        raise HeaderError(file, f"{name!r} has {stop - start} bytes, and its shape needs {wanted / 8:g}.", COPY_AGAIN)
    return start, stop


def _refuse_gaps(file: Path, spans: list[tuple[int, int, str]]) -> None:
    place = 0
    for start, stop, name in spans:
        if start != place:
            words = "overlaps another tensor" if start < place else "leaves a gap before it"
            raise HeaderError(file, f"{name!r} {words} (bytes {start} to {stop}).", COPY_AGAIN)
        place = stop


def _read_index(path: Path) -> dict[str, str]:
    index = strict_json.read_object(path)
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise IndexLiesError(path, "the index has no weight_map.", COPY_AGAIN)
    for tensor, shard in weight_map.items():
        if not isinstance(shard, str) or "/" in shard or not shard.endswith(".safetensors"):
            raise IndexLiesError(path, f"it names {shard!r} for {tensor!r}, which is no shard beside it.", COPY_AGAIN)
    return weight_map


def _refuse_lies(index: Path, weight_map: dict[str, str], shards: dict[str, Tensors]) -> None:
    for tensor, shard in weight_map.items():
        if tensor not in shards[shard]:
            there = next((name for name, of in shards.items() if tensor in of), None)
            where = f"it is in {there}" if there else "no shard has it"
            raise IndexLiesError(index, f"it says that {tensor!r} is in {shard}; {where}.", COPY_AGAIN)
    metadata = strict_json.read_object(index).get("metadata")
    claimed = metadata.get("total_size") if isinstance(metadata, dict) else None
    found = sum(shards[shard][tensor] for tensor, shard in weight_map.items())
    if claimed is not None and claimed != found:
        raise IndexLiesError(index, f"it says that the tensors have {claimed} bytes; they have {found}.", COPY_AGAIN)


def _refuse_repetition(root: Path, shards: dict[str, Tensors]) -> None:
    seen: dict[str, str] = {}
    for shard, tensors in shards.items():
        for tensor in tensors:
            if tensor in seen:
                raise IndexLiesError(
                    root / shard,
                    f"{tensor!r} is also in {seen[tensor]}; no index says which counts.",
                    COPY_AGAIN,
                )
            seen[tensor] = shard
