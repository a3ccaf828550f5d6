"""The files of the Helm chart that are generated: what it knows of the topology, and its README.

``python -m appliance.rendering.chart`` writes them; with ``--check`` it only says whether they are up to date.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from appliance.rendering.chart_readme import build_readme
from appliance.rendering.helm import render_document
from appliance.settings.environment import REPOSITORY
from appliance.settings.generating import generate

FOLDER = REPOSITORY / "helm" / "appliance"


def build_chart_files(folder: Path = FOLDER) -> Mapping[Path, str]:
    """Every generated file with its content."""
    return {
        folder / "files" / "topology.json": render_document(),
        folder / "README.md": build_readme((folder / "values.yaml").read_text(encoding="utf-8")),
    }


if __name__ == "__main__":
    sys.exit(generate(build_chart_files))
