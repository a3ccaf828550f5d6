"""The page of what the matrix showed: ``python -m tests.matrix.page`` after ``make test-engines``."""

import json
import sys
from pathlib import Path
from string import Template
from typing import Any

from tests.engines.launch import ROOT
from tests.matrix.results import RESULTS, Row, render_table

TEMPLATE = Path(__file__).with_name("page.template")
PAGE = ROOT / "docs" / "reference" / "tried-engines.md"


def render_page(document: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    table = "\n".join(render_table([Row(**cell) for cell in document["cells"]]))
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        date=document["taken_at"][:10], device=document["device"], weights=document["weights"], versions=versions,
        table=table,
    )  # fmt: skip


def main(results: Path = RESULTS) -> None:
    PAGE.write_text(render_page(json.loads(results.read_text(encoding="utf-8"))), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")


if __name__ == "__main__":
    main()
