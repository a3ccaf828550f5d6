"""``python -m tests.helm.print_chart VALUES...``, in the deploy environment: what the chart renders, as YAML.

Later values files go over earlier ones, as Helm's own ``-f`` does.
"""

import sys
from pathlib import Path

import helm_python

from tests.helm.helm_side import render

CHART = Path(__file__).resolve().parents[2] / "helm" / "appliance"


def merge(below: dict[str, object], over: dict[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in over.items():
        here = merged.get(key)
        merged[key] = merge(here, value) if isinstance(here, dict) and isinstance(value, dict) else value
    return merged


def main() -> int:
    values: dict[str, object] = {}
    for name in sys.argv[1:]:
        values = merge(values, helm_python.values_from_yaml(Path(name).read_text(encoding="utf-8")))
    try:
        files = render(str(CHART), values, upgrade=False, name="appliance", namespace="appliance")
    except helm_python.HelmError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path, text in files.items():
        if path.endswith(".yaml"):
            sys.stdout.write(f"---\n# {path}\n{text.strip().removeprefix('---').lstrip()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
