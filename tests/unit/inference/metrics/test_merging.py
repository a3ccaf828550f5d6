"""The pages of two engines as one that Prometheus takes: a description once, samples in one piece, nothing twice."""

from pathlib import Path

from inference.metrics.merging import merge_pages
from inference.metrics.parse import iterate_samples

PAGE = (Path(__file__).parents[1] / "readings" / "vllm-0.32.0-metrics.txt").read_text()


def test_every_sample_of_two_equal_pages_is_there_and_none_is_twice() -> None:
    merged = merge_pages({"engine": PAGE, "engine-coder": PAGE})
    samples = [(name, tuple(sorted(labels.items()))) for name, labels, _ in iterate_samples(merged)]
    assert len(samples) == len(set(samples)) == 2 * sum(1 for _ in iterate_samples(PAGE))
    assert {dict(labels)["component"] for _, labels in samples} == {"engine", "engine-coder"}


def test_each_metric_is_described_once_and_its_samples_follow_at_once() -> None:
    lines = merge_pages({"engine": PAGE, "engine-coder": PAGE}).splitlines()
    types = [line.split()[2] for line in lines if line.startswith("# TYPE ")]
    assert len(types) == len(set(types)) > 30
    blocks = [line.split()[2] for line in lines if line.startswith("# HELP ")]
    assert blocks == types


def test_process_metrics_of_two_engines_stay_apart() -> None:
    one, other = "process_open_fds 3\n", "process_open_fds 4\n"
    assert merge_pages({"engine": one, "engine-b": other}) == (
        'process_open_fds{component="engine"} 3\nprocess_open_fds{component="engine-b"} 4\n'
    )


def test_labels_with_braces_and_quotes_survive() -> None:
    page = '# TYPE a counter\na{reason="x}\\"{y",b="c"} 1.5e3 1700000000000\n'
    assert merge_pages({"engine": page}) == (
        '# TYPE a counter\na{component="engine",reason="x}\\"{y",b="c"} 1.5e3 1700000000000\n'
    )


def test_line_that_is_no_sample_is_left_out() -> None:
    assert merge_pages({"engine": "a 1\n<html>\nb{ 2\n"}) == 'a{component="engine"} 1\n'
