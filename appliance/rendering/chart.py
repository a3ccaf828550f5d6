"""The files of the Helm chart that are generated: what it knows of the topology, and its README.

``python -m appliance.rendering.chart`` writes them; with ``--check`` it only says whether they are up to date.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from appliance.rendering.chart_readme import build_readme
from appliance.rendering.helm import render_document
from appliance.settings.environment import REPOSITORY

FOLDER = REPOSITORY / "helm" / "appliance"


def build_chart_files(folder: Path = FOLDER) -> Mapping[Path, str]:
    """Every generated file with its content."""
    return {
        folder / "files" / "topology.json": render_document(),
        folder / "README.md": build_readme((folder / "values.yaml").read_text(encoding="utf-8")),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the generated files of the Helm chart.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    check = parser.parse_args().check
    files = build_chart_files()
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if check:
            sys.stderr.write(f"{path.relative_to(REPOSITORY)} is not what it is made from: run `make generate`.\n")
        else:
            path.write_text(files[path], encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
