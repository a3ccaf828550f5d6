"""What ``appliance.yaml`` says of how the engine runs, down to vLLM's flags."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from appliance.settings.model import Model
from inference.registry.options import Options
from inference.registry.spec import ModelSpec
from inference.registry.wish import build_options
from inference.serving.argv import build_engine_argv

SPEC = ModelSpec(name="m", source="directory", device="cpu", path=Path("/models/m"))


def line(spec: ModelSpec = SPEC, **said: Any) -> str:
    options = build_options(Model(**said))
    return " ".join(build_engine_argv(replace(spec, options=options), python=Path("/py"), port=1))


def test_nothing_said_is_the_default_of_every_option() -> None:
    assert build_options(Model()) == Options()


@pytest.mark.parametrize(
    ("said", "flags"),
    [
        ({"max_running": 3}, "--max-num-seqs 3 --max-num-queued-reqs 59"),
        ({"max_running": 3, "max_waiting": 0}, "--max-num-seqs 3 --max-num-queued-reqs 3"),
        ({"max_waiting": 1}, "--max-num-seqs 8 --max-num-queued-reqs 9"),
        ({"max_waiting_tokens": 900}, "--max-num-queued-reqs 64 --max-num-queued-tokens 900"),
        ({"prefix_caching": False}, "--no-enable-prefix-caching"),
        (
            {"speculative": {"method": "ngram", "tokens": 3}},
            '"num_speculative_tokens": 3, "prompt_lookup_max": 4, "prompt_lookup_min": 2}',
        ),
        (
            {"speculative": {"method": "draft_model", "draft": "/d"}},
            '"num_speculative_tokens": 4, "model": "/d"}',
        ),
        (
            {"structured_outputs": "xgrammar"},
            '--structured-outputs-config {"backend": "xgrammar", "disable_any_whitespace": true}',
        ),
    ],
)
def test_setting_becomes_these_flags(said: dict[str, Any], flags: str) -> None:
    assert flags in line(**said)


def test_without_settings_nothing_is_guessed_and_no_backend_named() -> None:
    words = line().split()
    assert not {"--speculative-config", "--structured-outputs-config", "--max-num-queued-tokens"} & set(words)


@pytest.mark.parametrize(
    "said",
    [
        {"max_running": 0},
        {"max_waiting": -1},
        {"max_waiting": 1001},
        {"max_waiting_tokens": 0},
        {"structured_outputs": "outlines"},
        {"speculative": {"method": "draft_model"}},
        {"speculative": {"method": "ngram", "draft": "/d"}},
        {"speculative": {"method": "ngram", "tokens": 0}},
        {"speculative": {"method": "custom_class"}},
    ],
)
def test_settings_that_the_engine_could_not_follow_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Model(**said)
