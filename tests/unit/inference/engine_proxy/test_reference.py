"""The page is what the proxy's own tables say."""

from inference.engine_proxy import reference
from inference.engine_proxy.routing import ROUTES
from inference.metrics.parse import list_metric_names
from inference.metrics.prometheus import METRICS


def test_page_names_every_path_and_every_metric() -> None:
    page = reference.build_page()
    assert all(f"`{method} {path}`" in page for method, path in ROUTES)
    assert all(f"`{metric.name}`" in page for metric in METRICS)
    assert all(name.removesuffix("_count").removesuffix("_sum") in page for name in list_metric_names())
