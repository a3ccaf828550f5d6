"""One model on one machine: what was planned against what the engine says of itself, and a bench, as a page.

The same path on a GPU and, as a rehearsal, on a CPU: there vLLM logs no size of the weights.
"""

import re
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from inference.planning.candidate import read_candidates
from inference.planning.figures import Figures
from inference.planning.node import GpuNode, Node, Question
from inference.planning.plan import build_plan
from inference.planning.sizing import GIB
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.choice import ModelWish, build_directory_spec
from inference.registry.spec import Device, ModelSpec
from tests.engines.launch import ROOT, RunningEngine
from tests.engines.predicted import read_kv_tokens

# vLLM 0.32: v1/worker/gpu/model_runner.py and v1/core/kv_cache_utils.py
WEIGHTS_LINE = re.compile(r"Model loading took ([\d.]+) GiB memory")
CONCURRENCY_LINE = re.compile(r"Maximum concurrency for ([\d,]+) tokens per request: ([\d.]+)x")
START_SECONDS = 1800.0  # a large model is read from a disk, and its graphs are captured
BENCH_SECONDS = 1800


class DoesNotFitError(Exception):
    """The plan says that the model does not fit; the message is the plan's."""


class BenchFailedError(Exception):
    """``appliance bench serving`` refused or failed; the message has its words."""


@dataclass(frozen=True)
class Comparison:
    """A figure as it was planned and as the engine logged it; ``seen`` None where it logs none."""

    name: str
    unit: str
    planned: float
    seen: float | None

    @property
    def apart(self) -> float | None:
        """The plan's share above what was seen, below zero where it was under it."""
        return None if not self.seen else self.planned / self.seen - 1


def plan(model: Path, node: Node, question: Question | None = None) -> tuple[Figures, ModelSpec]:
    """The plan and what is served by it. Raises DoesNotFitError."""
    candidate = read_candidates(model)[0]
    planned = build_plan(candidate, node, question or Question())
    if not planned.fits or planned.figures is None:
        raise DoesNotFitError(f"{model.name}: {planned.reason} {planned.next_step}")
    device: Device = "cuda" if isinstance(node, GpuNode) else "cpu"
    wish = ModelWish(path=model, max_context_tokens=planned.figures.context_tokens)
    spec = build_directory_spec(wish, inspect_checkpoint(model), device)
    return planned.figures, replace(spec, tensor_parallel=planned.figures.tensor_parallel)


def compare(figures: Figures, log: Path) -> list[Comparison]:
    """Of each GPU where there are several: the one that logged most."""
    text = log.read_text(encoding="utf-8", errors="replace")
    weights = [float(found) * GIB for found in WEIGHTS_LINE.findall(text)]
    ((context, times),) = set(CONCURRENCY_LINE.findall(text))
    assert int(context.replace(",", "")) == figures.context_tokens, "it was served with the planned context"
    return [
        Comparison("Weights on each GPU", "bytes", figures.weights_bytes, max(weights, default=None)),
        Comparison("KV cache", "tokens", figures.kv_tokens, read_kv_tokens(log)),
        Comparison("Conversations at once", "", figures.kv_tokens / figures.context_tokens, float(times)),
    ]


def bench(engine: RunningEngine, *, proxy_url: str, model: Path, config: Path, options: tuple[str, ...] = ()) -> str:
    """The table of ``appliance bench serving`` for a document. Raises BenchFailedError.

    ``config`` is an appliance.yaml of its own, so that no installation is touched.
    """
    python = ROOT / ".venv" / "webapp" / "bin" / "python"
    argv = [str(python), "-P", "-m", "appliance.cli", "bench", "serving", "--url", engine.url]
    argv += ["--proxy-url", proxy_url, "--tokenizer", str(model), "--markdown", *options]
    done = subprocess.run(
        argv, env={**environment(), "APPLIANCE_CONFIG": str(config)}, cwd=ROOT, capture_output=True, text=True,
        timeout=BENCH_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise BenchFailedError(done.stderr[-3000:])
    return done.stdout


def environment() -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HOME": str(Path.home()),
        "LANG": "C.UTF-8",
    }


def render_page(
    *,
    model: str,
    device: str,
    versions: dict[str, str],
    compared: list[Comparison],
    benched: str,
    on: date | None = None,
) -> str:
    """A page for docs/reference/measurements."""
    day = on or datetime.now(UTC).date()
    with_what = ", ".join(f"{name} {version}" for name, version in versions.items())
    lines = [f"# {model} on {device}", "", f"Measured by `make test-gpu` on {day.isoformat()} with {with_what}.", ""]
    lines += ["## Planned and seen", "", "| | `models plan` | vLLM's log | Plan above it |", "|---|---|---|---|"]
    for each in compared:
        planned, seen = _say(each.planned, each.unit), _say(each.seen, each.unit)
        lines.append(f"| {each.name} | {planned} | {seen} | {_apart(each)} |")
    return "\n".join([*lines, "", "## Serving", "", benched.strip(), ""])


def build_name(*, model: str, device: str) -> str:
    """A file's name out of the two names."""
    return re.sub(r"[^a-z0-9.]+", "-", f"{model} {device}".lower()).strip("-") + ".md"


def _say(value: float | None, unit: str) -> str:
    if value is None:
        return "not logged"
    return f"{value:,.0f} {unit}" if unit else f"{value:.2f}"


def _apart(each: Comparison) -> str:
    return "-" if each.apart is None else f"{each.apart:+.1%}"
