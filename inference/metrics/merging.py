"""One page of metrics out of several engines'. Pure.

Prometheus wants a metric's description once and its samples in one piece, and vLLM's pages share their names. So the
samples are brought together by metric, and each says with the label ``component`` whose it is: ``model_name`` does not
tell the metrics of two processes apart.
"""

from collections.abc import Mapping

from inference.metrics.parse import SAMPLE

LABEL = "component"


def merge_pages(pages: Mapping[str, str]) -> str:
    """``pages``: by component, in the order in which they shall come. A line that is none of the format is left out."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for component, page in pages.items():
        metric = ""
        for line in page.splitlines():
            if line.startswith(("# HELP ", "# TYPE ")):
                metric = line.split(" ", 3)[2]
                head = heads.setdefault(metric, [])
                if not any(known.split(" ", 3)[:3] == line.split(" ", 3)[:3] for known in head):
                    head.append(line)
            elif (marked := _mark(line, component)) is not None:
                samples.setdefault(metric, []).append(marked)
    found = (line for metric in {**heads, **samples} for line in (*heads.get(metric, ()), *samples.get(metric, ())))
    return "".join(f"{line}\n" for line in found)


def _mark(line: str, component: str) -> str | None:
    match = SAMPLE.fullmatch(line)
    if match is None:
        return None
    name, labels = match[1], match[2] or ""
    rest = line[match.start(3) :]
    own = f'{LABEL}="{component}"'
    return f"{name}{{{own}{',' if labels else ''}{labels}}} {rest}"
