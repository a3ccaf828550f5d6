"""A comparison with authored figures, through the real report, for tests of what becomes of one."""

from pathlib import Path
from typing import Any

from inference.comparing.contender import Contender
from inference.comparing.engine import Answer
from inference.comparing.measuring import Measured, Speed
from inference.comparing.perplexity import Perplexity
from inference.comparing.questions import read_questions
from inference.comparing.report import build_report
from inference.comparing.request import Named, Request
from inference.registry.checkpoint import Checkpoint
from inference.registry.families import FAMILIES
from inference.registry.spec import ModelSpec

QUESTIONS = "\n".join(
    f'{{"id": "{number}", "question": "?", "scorer": "exact", "expected": "yes"}}' for number in range(4)
)
PASSED = {"parent": (True, True, True, False), "child": (True, False, True, False)}


def build(
    *, tokens: tuple[int, ...] = (1, 2, 3), child_perplexity: float | None = 11.0, **child: Any
) -> dict[str, Any]:
    """Three of four questions passed before, two after; perplexity 10 and 11. ``tokens`` are the child's."""
    parent_name = Named(reference="Qwen/Qwen3-8B@main", path=Path("parent"))
    child_name = Named(
        **{"reference": "Qwen3-8B-W4A16@123", "path": Path("child"), "manifest_sha256": "c" * 64, **child}
    )
    request = Request(
        parent=parent_name, child=child_name, models_dir=Path("model"), folder=Path("work"), root=Path("root"),
        text_file=Path("text"), questions_file=Path("questions"),
    )  # fmt: skip
    measured = (
        _measure("parent", (1, 2, 3), Perplexity(10.0, 2.3, 2, 0)),
        _measure("child", tokens, Perplexity(child_perplexity, 2.4, 2, 0 if child_perplexity else 1)),
    )
    return build_report(
        request, (_contend(parent_name, 16_000_000_000), _contend(child_name, 5_000_000_000)), measured,
        text=b"A text.", questions_file=QUESTIONS.encode(), questions=read_questions(QUESTIONS),
        date="2026-11-24T12:00:00+00:00", machine={"kind": "cuda", "device": "1 x NVIDIA L40S"},
        versions={"vllm": "0.32.0"},
    )  # fmt: skip


def _contend(named: Named, size: int) -> Contender:
    checkpoint = Checkpoint(
        path=named.path, architecture="Qwen3ForCausalLM", family=FAMILIES[0], quantization=None, tool_parser=None,
        reasoning_parser=None, trained_context_tokens=None, weights_bytes=size, loaded_bytes=size, licence=None,
    )  # fmt: skip
    return Contender(named, checkpoint, ModelSpec("m", "directory", "cuda"), "bf16", size, ())


def _measure(role: str, tokens: tuple[int, ...], perplexity: Perplexity) -> Measured:
    speed = {"parent": 50.0, "child": 100.0}[role]
    return Measured(
        start_seconds=30, tokens=tokens, perplexity=perplexity, window_tokens=2048,
        answers=(Answer("yes", is_whole=True),) * 3 + (Answer("no", is_whole=False),), passed=PASSED[role],
        speed=Speed(9, 256, 64, (0.2, 0.1, 0.3), (speed, speed - 1, speed + 1), 0.5),
    )  # fmt: skip
