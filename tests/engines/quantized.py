"""Quantised checkpoints for tests, made by the operator's own command in an installation of their own."""

import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.engines.launch import ROOT

SECONDS = 600
TAIL_CHARACTERS = 3000


class QuantizingFailedError(Exception):
    """The command refused or failed; the message has its words."""


def ensure_quantized(checkpoint: Path, recipe: str, folder: Path) -> Path:
    """The model directory that ``bin/appliance models quantize`` made of ``checkpoint``, now or before.

    ``recipe`` is one of w4a16, w8a8-int8, fp8 and bnb-nf4. ``folder`` becomes an installation that is never
    started; its store keeps what was made. Callers wait for each other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "quantized.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return Path(quantize(checkpoint, recipe, folder)["folder"])


def quantize(checkpoint: Path, recipe: str, folder: Path, *options: str) -> dict[str, Any]:
    """What the command printed. Raises QuantizingFailedError."""
    done = subprocess.run(
        build_command(checkpoint, recipe, *options, "--json"), env=build_environment(folder), cwd=ROOT,
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise QuantizingFailedError(f"{recipe} of {checkpoint}:\n{done.stderr[-TAIL_CHARACTERS:]}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def build_command(checkpoint: Path, recipe: str, *options: str) -> list[str]:
    python = ROOT / ".venv" / "webapp" / "bin" / "python"
    return [str(python), "-m", "appliance.cli", "models", "quantize", str(checkpoint), recipe, *options]


def build_environment(folder: Path) -> dict[str, str]:
    """An installation whose data directory is ``folder/var``, on a CPU. What pip is configured with is passed on."""
    config = folder / "appliance.yaml"
    if not config.exists():
        config.write_text("data_dir: var\nmodel: {automatic: false, device: cpu}\n", encoding="utf-8")
    return {**os.environ, "APPLIANCE_CONFIG": str(config), "PYTHONPATH": str(ROOT)}
