"""The authored readings of this folder's neighbour, by name."""

from pathlib import Path

from inference.metrics.gpus import GpuState
from inference.metrics.replay import open_replay

FOLDER = Path(__file__).resolve().parents[1] / "readings"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def read(name: str) -> GpuState:
    return open_replay(FOLDER / f"{name}.json").read()
