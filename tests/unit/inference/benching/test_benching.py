"""What is measured when, with which words of vLLM's, and what is made of the figures."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from inference.benching.__main__ import parse
from inference.benching.errors import LoadsDifferError, TargetUnreachableError
from inference.benching.report import FIGURES, build_report, build_rows, describe, write_markdown
from inference.benching.request import Load, Request, Target, Tls
from inference.benching.target import Served, find_served, require_same
from inference.benching.turns import build_argv, order
from tests.engines.launch import free_port

ENGINE = Target(name="engine", url="http://127.0.0.1:8410")
PROXY = Target(name="engine-proxy", url="http://127.0.0.1:8443")
GATEWAY = Target(name="another", url="http://127.0.0.1:9000")
TLS = Tls(ca_file=Path("ca.pem"), certificate_file=Path("own.pem"), key_file=Path("own.key"))


def test_each_round_begins_with_another_way() -> None:
    targets = (ENGINE, PROXY, GATEWAY)
    names = [[target.name for target in order(targets, number)] for number in range(4)]
    assert names == [
        ["engine", "engine-proxy", "another"], ["engine-proxy", "another", "engine"],
        ["another", "engine", "engine-proxy"], ["engine", "engine-proxy", "another"],
    ]  # fmt: skip


def test_line_is_vllms_own() -> None:
    served = Served("Qwen3-8B", Path("model") / "Qwen3-8B@main")
    assert build_argv(PROXY, served, Load(seed=7), salt="round-1") == [
        "--backend", "openai-chat", "--base-url", "http://127.0.0.1:8443", "--endpoint", "/v1/chat/completions",
        "--model", "Qwen3-8B", "--tokenizer", "model/Qwen3-8B@main", "--dataset-name", "random",
        "--random-input-len", "256", "--random-output-len", "64", "--num-prompts", "32", "--max-concurrency", "4",
        "--seed", "7", "--temperature", "0", "--ignore-eos", "--extra-body", '{"cache_salt": "round-1"}',
        "--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "99", "--disable-tqdm", "--save-detailed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"targets": []}, "at least 1 item"),
        ({"targets": [ENGINE, ENGINE]}, "Two ways have the same name"),
        ({"targets": [{"name": "e", "url": "ftp://127.0.0.1"}]}, "url"),
        ({"targets": [{"name": "e", "url": "http://127.0.0.1/v1/"}]}, "url"),
        ({"targets": [{"name": "e", "url": "http://127.0.0.1", "tls": TLS}]}, "is not encrypted"),
        ({"rounds": 0}, "rounds"),
        ({"load": {"prompts": 1}}, "prompts"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_wrong_request_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Request.model_validate({"targets": [ENGINE, PROXY], **changes})


def run(throughput: float, *, first: float = 50.0, tokens: tuple[int, int] = (8192, 2048)) -> dict[str, float]:
    figures = dict.fromkeys(FIGURES, 10.0)
    return {
        **figures, "output_throughput": throughput, "median_ttft_ms": first, "total_input_tokens": tokens[0],
        "total_output_tokens": tokens[1],
    }  # fmt: skip


def build(engine: list[dict[str, float]], proxy: list[dict[str, float]]) -> dict[str, Any]:
    request = Request(targets=(ENGINE, PROXY), rounds=len(engine))
    return build_report(
        request, {"engine": engine, "engine-proxy": proxy}, model="Qwen3-8B", date="2026-11-24T12:00:00+00:00",
        machine={"device": "1 x NVIDIA L40S"}, versions={"vllm": "0.32.0"},
    )  # fmt: skip


def test_ratio_is_the_median_of_each_rounds_own() -> None:
    """The second round was slow for both: of their medians the ratio would be 0.95, and of no round is it."""
    report = build([run(100), run(10), run(200)], [run(90), run(9), run(180)])
    engine, proxy = report["ways"]
    assert engine["figures"]["output_throughput"] == {"median": 100, "smallest": 10, "largest": 200, "ratio": 1.0}
    assert proxy["figures"]["output_throughput"]["ratio"] == pytest.approx(0.9)
    assert [row[1:] for row in build_rows(report)][:3] == [
        ("engine", "engine-proxy", "Ratio"), ("10.00", "10.00", "1.000"), ("100.00", "90.00", "0.900"),
    ]  # fmt: skip


def test_report_says_what_was_run_where() -> None:
    report = build([run(100)], [run(90, first=55)])
    assert json.loads(json.dumps(report))["compared_with"] == "engine"
    words = " ".join(describe(report))
    assert "Model Qwen3-8B; 32 requests a run, 256 tokens in and 64 out, 4 at once, seed 0." in words
    assert "Measured on 2026-11-24 with 1 x NVIDIA L40S (vllm 0.32.0)." in words
    assert "| First token, median | 50.00 ms | 55.00 ms | 1.100 |" in write_markdown(report)


def test_ways_that_got_different_loads_have_no_ratio() -> None:
    with pytest.raises(LoadsDifferError, match=r"engine: \[\(8192, 2048\)\]; engine-proxy: \[\(8190, 2048\)\]"):
        build([run(100)], [run(90, tokens=(8190, 2048))])


def test_way_that_leads_nowhere_is_named() -> None:
    target = Target(name="engine", url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TargetUnreachableError, match=rf"engine: nothing answers at {target.url}"):
        find_served(target, None)


def test_certificates_that_cannot_be_read_are_named() -> None:
    target = Target(name="engine-proxy", url="https://127.0.0.1:1", tls=TLS)
    with pytest.raises(TargetUnreachableError, match=r"ca\.pem, own\.pem and own\.key cannot be used"):
        find_served(target, None)


def test_engine_whose_tokenizer_is_elsewhere_needs_it_named(scripted_engine: str, tmp_path: Path) -> None:
    target = Target(name="engine", url=scripted_engine)
    with pytest.raises(TargetUnreachableError, match="Name the model's directory: --tokenizer"):
        find_served(target, None)
    (tmp_path / "tokenizer_config.json").write_text("{}")
    assert find_served(target, tmp_path) == Served("scripted-test-engine", tmp_path)


def test_ways_to_different_models_are_not_compared() -> None:
    with pytest.raises(TargetUnreachableError, match="engine to a, engine-proxy to b"):
        require_same({"engine": Served("a", Path()), "engine-proxy": Served("b", Path())})


def test_command_of_a_gpu_host_makes_the_same_request() -> None:
    files = ["--ca-file", "ca.pem", "--certificate-file", "own.pem", "--key-file", "own.key"]
    request, form = parse(
        ["--url", ENGINE.url, "--proxy-url", "https://gpu:8443/", *files, "--prompts", "8", "--format", "markdown"]
    )
    assert request == Request(
        targets=(ENGINE, Target(name="engine-proxy", url="https://gpu:8443", tls=TLS)), load=Load(prompts=8)
    )
    assert form == "markdown"


def test_certificates_belong_together(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--url", ENGINE.url, "--ca-file", "ca.pem"])
    assert "belong together" in capsys.readouterr().err
