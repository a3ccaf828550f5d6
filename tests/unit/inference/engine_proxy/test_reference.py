"""The page is what the proxy's own tables say."""

from pathlib import Path

import pytest

from inference.engine_proxy import reference
from inference.engine_proxy.routing import ROUTES
from inference.metrics.parse import list_metric_names
from inference.metrics.prometheus import METRICS


def test_page_is_up_to_date() -> None:
    assert reference.main(["--check"]) == 0


def test_page_out_of_date_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "PAGE", tmp_path / "engine-proxy.md")
    assert reference.main(["--check"]) == 1
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0


def test_page_names_every_path_and_every_metric() -> None:
    page = reference.build_page()
    assert all(f"`{method} {path}`" in page for method, path in ROUTES)
    assert all(f"`{metric.name}`" in page for metric in METRICS)
    assert all(name.removesuffix("_count").removesuffix("_sum") in page for name in list_metric_names())
