"""The environment of the engine and the embedder, closed: nothing is inherited, nothing reaches out."""

import os
from pathlib import Path

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def build_embedder_environment(*, python: Path, data_dir: Path, root: Path) -> dict[str, str]:
    return _build_common_environment(python=python, data_dir=data_dir, root=root)


def _build_common_environment(*, python: Path, data_dir: Path, root: Path) -> dict[str, str]:
    """Caches live in the data directory; libraries that would call home are told not to."""
    cache = data_dir / "cache"
    return {
        "PATH": f"{python.parent}{os.pathsep}{SYSTEM_PATH}",
        "PYTHONPATH": str(root),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "HOME": str(cache / "home"),
        "XDG_CACHE_HOME": str(cache),
        "XDG_CONFIG_HOME": str(cache / "config"),
        "HF_HOME": str(cache / "huggingface"),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
