"""What may not be in a model directory: code, weights that run code when they are loaded, and files in disguise.

By name, and by the first bytes of each file; a configuration that asks for code is looked for at any depth.
"""

from pathlib import Path, PurePosixPath
from typing import Any

from inference.registry import strict_json
from inference.registry.errors import CodeInCheckpointError, UnsafeWeightsError
from inference.registry.refusals import DisguisedFileError
from inference.registry.tree import Files

UNSAFE_WEIGHTS = frozenset({
    ".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".dill", ".npy", ".npz", ".h5", ".hdf5", ".keras",
    ".msgpack", ".onnx", ".gguf", ".ggml", ".pb", ".tflite", ".mar", ".nemo", ".pte", ".ot",
})  # fmt: skip
CODE = frozenset({
    ".py", ".pyc", ".pyo", ".pyi", ".pyd", ".pyx", ".ipynb", ".so", ".dll", ".dylib", ".sh", ".bash", ".exe", ".cu",
    ".whl", ".egg", ".js", ".wasm",
})  # fmt: skip
CODE_KEYS = ("auto_map", "custom_pipelines")
VOCABULARIES = frozenset({"tokenizer.json", "vocab.json", "added_tokens.json"})  # any word may be a key in them
HEAD_BYTES = 512
# What a file begins with, and what it then is. A safetensors file begins with its header's length.
BEGINNINGS = (
    (b"\x80\x02", "a pickle"), (b"\x80\x03", "a pickle"), (b"\x80\x04", "a pickle"), (b"\x80\x05", "a pickle"),
    (b"PK\x03\x04", "a zip archive, such as PyTorch's pickles"), (b"\x7fELF", "a program"),
    (b"#!", "a script"), (b"GGUF", "GGUF weights"), (b"\x89HDF", "HDF5 weights"), (b"\x1f\x8b", "a gzip archive"),
    (b"\xfd7zXZ", "an xz archive"), (b"BZh", "a bzip2 archive"), (b"(\xb5/\xfd", "a zstd archive"),
    (b"\x93NUMPY", "a NumPy array"),
)  # fmt: skip
TAR = (257, b"ustar")


def refuse_name(name: str, path: Path) -> None:
    """Raises CodeInCheckpointError or UnsafeWeightsError for a file that nobody needs to open to know."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in CODE:
        words = "Python code" if suffix == ".py" else "code"
        raise CodeInCheckpointError(
            path, f"the model brings {words}, which is never executed.", "Choose a model that needs none."
        )
    if suffix in UNSAFE_WEIGHTS:
        raise UnsafeWeightsError(
            path,
            "only safetensors weights are loaded: this format is another one, or can execute code when it is loaded.",
            "Remove the file if the model also has safetensors weights; otherwise convert it.",
        )


def refuse_contents(root: Path, files: Files) -> None:
    """Raises CodeInCheckpointError, UnsafeWeightsError, DisguisedFileError or ConfigUnreadableError."""
    for name in files:
        refuse_name(name, root / name)
    for name in files:
        _refuse_disguise(root / name)
    for name in files:
        if name.lower().endswith(".json"):
            _refuse_request_for_code(root / name)


def find_disguise(head: bytes) -> str | None:
    """What the first bytes say a file is, where that has no place in a model."""
    offset, word = TAR
    if head[offset : offset + len(word)] == word:
        return "a tar archive"
    if head.startswith(b"MZ") and b"\0" in head:  # two letters alone may begin a text
        return "a program"
    return next((what for beginning, what in BEGINNINGS if head.startswith(beginning)), None)


def _refuse_disguise(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if path.suffix == ".safetensors" and head[8:9] == b"{":
        return  # eight bytes of length may look like anything
    if what := find_disguise(head):
        raise DisguisedFileError(path, f"by its contents this is {what}, whatever its name says.", "Remove the file.")


def _refuse_request_for_code(path: Path) -> None:
    value = strict_json.read(path)
    asked = _find_key(value, deep=path.name not in VOCABULARIES)
    if asked is not None:
        raise CodeInCheckpointError(
            path, f"'{asked}' asks for code from the model, which is never executed.", "Choose another model."
        )


def _find_key(value: Any, *, deep: bool) -> str | None:
    waiting = [value]
    while waiting:
        it = waiting.pop()
        if isinstance(it, dict):
            if found := next((key for key in CODE_KEYS if key in it), None):
                return found
            waiting += it.values() if deep else ()
        elif isinstance(it, list) and deep:
            waiting += it
    return None
