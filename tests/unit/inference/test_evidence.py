"""The pages that say what was shown: tests that are named exist, and each cell of the matrix was seen."""

import re
from pathlib import Path

from tests.matrix.cells import CELLS

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "tests" / "matrix" / "README.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")


def test_every_test_that_the_page_names_exists() -> None:
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 20
    gone = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or (name and f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert gone == []


def test_page_of_tried_engines_has_every_cell_whole() -> None:
    """Renewed by ``python -m tests.matrix.page`` after ``make test-engines``."""
    text = (ROOT / "docs" / "reference" / "tried-engines.md").read_text(encoding="utf-8")
    rows = {line.split(",")[0].removeprefix("| "): line for line in text.splitlines() if ", cache " in line[:60]}
    assert list(rows) == [cell.name for cell in CELLS]
    assert [name for name, line in rows.items() if "| no |" in line] == []
