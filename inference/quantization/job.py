"""What the program in the environment ``quantize`` is told: a JSON document, and lines of JSON that come back."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from inference.quantization.recipes import RecipeName

SCHEMA_VERSION = 1
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Calibration:
    """``text`` holds a JSON list of samples. At most ``samples`` of them are taken, shuffled by ``seed``, each cut
    after ``max_tokens``."""

    text: str
    samples: int
    max_tokens: int
    seed: int


@dataclass(frozen=True)
class Job:
    """``parent`` is read, ``output`` written to, ``scratch`` is for what only this work needs. ``revision`` names the
    parent's files and the tools: pieces of two revisions are never put together."""

    parent: str
    output: str
    scratch: str
    recipe: RecipeName
    device: Device
    revision: str
    calibration: Calibration | None = None

    @property
    def is_calibrated(self) -> bool:
        return self.calibration is not None


def format_job(job: Job) -> str:
    return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(job)}, indent=2) + "\n"


def parse_job(text: str) -> Job:
    """Raises ValueError, KeyError or TypeError for anything else."""
    raw: dict[str, Any] = json.loads(text)
    if raw.pop("schema_version") != SCHEMA_VERSION:
        raise ValueError("a job of another version")
    calibration = raw.pop("calibration")
    return Job(**raw, calibration=Calibration(**calibration) if calibration else None)
