"""A finished comparison as one JSON document, of which :mod:`inference.registry.comparison` makes the tables. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from inference.comparing import pairing
from inference.comparing.contender import Contender
from inference.comparing.measuring import Measured, Speed
from inference.comparing.perplexity import find_difference
from inference.comparing.questions import Question
from inference.comparing.request import Request
from inference.registry.comparison import SCHEMA_VERSION

HOW_TIMED = (
    "Requests one at a time, first all of the parent's, then all of the child's, on the same machine: both engines do "
    "not fit at once, so what else the machine did meanwhile shows in one of them. Tokens a second are those of a "
    "whole request, reading the prompt included."
)


def build_report(
    request: Request, contenders: tuple[Contender, Contender], measured: tuple[Measured, Measured], *,
    text: bytes, questions_file: bytes, questions: Sequence[Question], date: str, machine: dict[str, Any],
    versions: dict[str, str],
) -> dict[str, Any]:  # fmt: skip
    """Parent first in every pair. ``date`` is ISO 8601."""
    parent, child = measured
    return {
        "schema_version": SCHEMA_VERSION,
        "date": date,
        "machine": machine,
        "versions": versions,
        "parent": _describe_model(contenders[0], parent),
        "child": _describe_model(contenders[1], child),
        "is_recorded_parent": request.is_recorded_parent,
        "perplexity": _compare_perplexity(parent, child, text),
        "questions": _compare_answers(parent, child, questions_file, questions),
        "speed": {
            "how": HOW_TIMED, "parent": _describe_speed(parent.speed), "child": _describe_speed(child.speed),
            "tokens_per_second_ratio": child.speed.tokens_per_second[0] / parent.speed.tokens_per_second[0],
            "first_token_ratio": child.speed.first_token_seconds[0] / parent.speed.first_token_seconds[0],
        },
    }  # fmt: skip


def _describe_model(contender: Contender, measured: Measured) -> dict[str, Any]:
    named, spec = contender.named, contender.spec
    return {
        "reference": named.reference, "hub_id": named.hub_id, "revision": named.revision,
        "manifest_sha256": named.manifest_sha256, "architecture": contender.checkpoint.architecture,
        "format": contender.format, "converted_while_loading": named.quantization is not None,
        "weights_bytes_on_disk": contender.checkpoint.weights_bytes, "planned_weights_bytes": contender.planned_bytes,
        "start_seconds": measured.start_seconds, "is_compiled": not spec.enforce_eager,
    }  # fmt: skip


def _compare_perplexity(parent: Measured, child: Measured, text: bytes) -> dict[str, Any]:
    """Both values and no ratio where the tokenizers differ: each would count in a unit of its own."""
    problem = find_difference(parent.tokens, child.tokens)
    if not problem and (parent.perplexity.value is None or child.perplexity.value is None):
        problem = "A model holds tokens of the text to be impossible, so that its perplexity is infinite."
    comparable = not problem
    return {
        "text_sha256": hashlib.sha256(text).hexdigest(), "text_bytes": len(text), "tokens": len(parent.tokens),
        "window_tokens": parent.window_tokens, "stride_tokens": parent.window_tokens // 2,
        "comparable": comparable, "problem": problem,
        "parent": asdict(parent.perplexity) if comparable else None,
        "child": asdict(child.perplexity) if comparable else None,
        "ratio": child.perplexity.value / parent.perplexity.value
        if child.perplexity.value and parent.perplexity.value and comparable else None,
    }  # fmt: skip


def _compare_answers(
    parent: Measured, child: Measured, questions_file: bytes, questions: Sequence[Question]
) -> dict[str, Any]:
    paired = pairing.pair(parent.passed, child.passed)
    low, high = pairing.compute_interval(paired)
    changed = [
        {"id": question.id, "parent": was, "child": now}
        for question, was, now in zip(questions, parent.passed, child.passed, strict=True)
        if was != now
    ]
    return {
        "questions_sha256": hashlib.sha256(questions_file).hexdigest(), "questions": paired.questions,
        **asdict(paired), "parent_pass_rate": paired.parent_rate, "child_pass_rate": paired.child_rate,
        "difference": paired.difference, "interval": [low, high], "confidence": pairing.CONFIDENCE,
        "method": pairing.METHOD, "mcnemar_exact_p": pairing.compute_p_value(paired),
        "small_sample": paired.questions < pairing.SMALL, "in_words": pairing.describe(paired),
        "cut_short": {"parent": _count_cut(parent), "child": _count_cut(child)}, "changed": changed,
    }  # fmt: skip


def _count_cut(measured: Measured) -> int:
    """Answers that max_tokens ended, which often fail for that alone."""
    return sum(1 for answer in measured.answers if not answer.is_whole)


def _describe_speed(speed: Speed) -> dict[str, Any]:
    names = ("median", "smallest", "largest")
    return {
        "requests": speed.requests, "prompt_tokens": speed.prompt_tokens, "answer_tokens": speed.answer_tokens,
        "first_token_seconds": dict(zip(names, speed.first_token_seconds, strict=True)),
        "tokens_per_second": dict(zip(names, speed.tokens_per_second, strict=True)),
        "load_average_before": speed.load_average,
    }  # fmt: skip
