"""Documentation says only what runs: links lead somewhere, commands exist, decisions are numbered."""

import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, list_files, name

PAGES = [path for path in list_files() if path.suffix == ".md"]
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
MAKE_TARGET = re.compile(r"(?:^|[`\s])make ([a-z][a-z-]*)\b")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [target for target in LINK.findall(text) if not (page.parent / target).exists()] == []


def test_make_targets_in_the_documentation_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    unknown = []
    for page in PAGES:
        in_code = "\n".join(CODE.findall(page.read_text(encoding="utf-8")))
        unknown += [f"{name(page)}: make {word}" for word in MAKE_TARGET.findall(in_code) if word not in targets]
    assert unknown == []


def test_ci_runs_the_readme_test_command() -> None:
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_decisions_are_numbered_without_gaps() -> None:
    pages = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("0*.md"))
    assert [int(page[:4]) for page in pages] == list(range(1, len(pages) + 1))
